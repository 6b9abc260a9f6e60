"""A network between two: the mean of a trained network and the one that it began with keeps what it would forget."""

from pathlib import Path

import torch
from birefnet_video.model import load_checkpoint, save_checkpoint


def mix(before: Path, after: Path, share: float, out: Path) -> None:
    """Write ``(1 - share) * before + share * after``, weight by weight, in float16."""
    old, new = (load_checkpoint(path, patch_order="current") for path in (before, after))
    weights = old.state_dict()
    for key, value in new.state_dict().items():
        weights[key] = torch.lerp(weights[key], value, share) if value.is_floating_point() else value
    new.load_state_dict(weights)
    save_checkpoint(new, out, dtype=torch.float16)
