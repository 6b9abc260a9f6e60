"""Telling that a device has no memory left from other errors."""

import torch


def is_memory(error: RuntimeError) -> bool:
    """Whether a device has no memory left: not every library and device has an error of its own for that."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error) or "ALLOC_FAILED" in str(error)
