"""Skip policy, in one place."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` where there is none; with BV_REQUIRE_GPU=1 they run and fail instead."""
    marked = [item for item in items if "gpu" in item.keywords]
    if not marked or os.environ.get("BV_REQUIRE_GPU") == "1":
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
