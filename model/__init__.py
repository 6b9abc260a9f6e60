"""The network: BiRefNet, its checkpoints and what surrounds a forward pass.

Installed as ``birefnet_video.model``; the folder stands at the top of the repository.
"""

if __name__ != "birefnet_video.model":
    raise ImportError(f"this folder is the package birefnet_video.model; do not import it as {__name__!r}")

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from birefnet_video.model.birefnet import BiRefNet, TrainingOutput
    from birefnet_video.model.checkpoint import load_checkpoint, save_checkpoint
    from birefnet_video.model.config import PRESETS, BiRefNetConfig
    from birefnet_video.model.foreground import estimate_foreground

_HOME = {
    "BiRefNet": "birefnet",
    "TrainingOutput": "birefnet",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
    "BiRefNetConfig": "config",
    "PRESETS": "config",
    "estimate_foreground": "foreground",
}

__all__ = [
    "PRESETS",
    "BiRefNet",
    "BiRefNetConfig",
    "TrainingOutput",
    "estimate_foreground",
    "load_checkpoint",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"birefnet_video.model.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
