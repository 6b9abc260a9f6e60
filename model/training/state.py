"""What a run needs to go on: one file, replaced in one step."""

import os
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.training.average import Average
from birefnet_video.model.training.recipe import Recipe

from birefnet_video.errors import CheckpointError, UsageError

#: Sections whose values may differ between a run and its continuation.
_FREE = {
    "data": {"workers", "root"},
    "run": {"steps", "epochs", "save_every", "preview_every", "tensorboard", "compile"},
}


def save_state(
    path: Path, step: int, recipe: Recipe, net: BiRefNet, average: Average | None, optimiser: torch.optim.Optimizer
) -> None:
    """Write the state after ``step`` steps; a reader sees the old file or the new one, never a part."""
    state: dict[str, Any] = {
        "step": step,
        "recipe": asdict(recipe),
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    if average is not None:
        state |= {"average": average.net.state_dict(), "average_steps": average.steps}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_state(
    path: Path, recipe: Recipe, net: BiRefNet, average: Average | None, optimiser: torch.optim.Optimizer
) -> int:
    """Bring a saved state into the modules; returns the number of steps done.

    Raises:
        CheckpointError: if the file cannot be read.
        UsageError: if it belongs to another recipe; the message names the first value that differs.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved, step = state["recipe"], int(state["step"])
    except (OSError, RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: cannot be read as the state of a run: {error}") from None
    _same_recipe(saved, asdict(recipe), path)
    try:
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        if average is not None:
            average.net.load_state_dict(state["average"])
            average.steps = state["average_steps"]
    except (RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: does not fit the network: {reason}", hint="give another --out") from None
    return step


def _same_recipe(saved: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]], path: Path) -> None:
    # What a run of an earlier version does not know was as it is by default.
    usual = asdict(Recipe())
    for section, values in wanted.items():
        for key, value in values.items():
            before = saved.get(section, {}).get(key, usual[section][key])
            if before != value and key not in _FREE.get(section, ()):
                raise UsageError(
                    f"{path}: that run has {section}.{key} = {before!r}, not {value!r}",
                    hint="give the same recipe, or another --out",
                )
