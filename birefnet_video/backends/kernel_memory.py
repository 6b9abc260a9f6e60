"""In which blocks kernels were fastest, kept for the next start on the same machine."""

from collections.abc import Mapping

import torch
from torch import nn

from birefnet_video.backends.cache import EngineCache, Note
from birefnet_video.model.deform import MergedDeformableConv2d
from birefnet_video.model.deform_tuning import DeformTuning


def remember_kernels(net: nn.Module, cache: EngineCache, machine: Mapping[str, str]) -> None:
    """Give a network what was found before, and keep what it finds.

    Args:
        net: for inference.
        cache: where it is kept.
        machine: everything but the shape of maps that the fastest blocks depend on.
    """
    tunings = {id(each.tuning): each.tuning for each in net.modules() if isinstance(each, MergedDeformableConv2d)}
    for tuning in tunings.values():
        _remember(tuning, Note(cache, "kernels", machine, "deform.json"))


def machine_of(device: str) -> dict[str, str]:
    """What the speed of Triton's kernels depends on, of a CUDA device."""
    import triton

    return {
        "device": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "cuda": str(torch.version.cuda),
    }


def _remember(tuning: DeformTuning, note: Note) -> None:
    said = note.read()
    if isinstance(said, dict):
        # What no configuration is called is passed over when it is looked up.
        tuning.known.update({name: found for name, found in said.items() if isinstance(found, list)})
    tuning.keep = lambda known: note.write(dict(known))
