"""The one place where a backend is chosen."""

from typing import TYPE_CHECKING

from birefnet_video.backends.base import BackendInfo, MattingBackend
from birefnet_video.defaults import BATCH_SIZE
from birefnet_video.errors import BackendUnavailable
from birefnet_video.models import MODELS, input_size, weights_path
from birefnet_video.spec import BackendSpec

if TYPE_CHECKING:
    from birefnet_video.types import MediaInfo


def open_backend(spec: BackendSpec, media: "MediaInfo") -> MattingBackend:
    """The network that ``spec`` asks for, sized for pictures like those of ``media``; see :func:`load_backend`."""
    return load_backend(spec, media.width, media.height)


def load_backend(spec: BackendSpec, width: int, height: int) -> MattingBackend:
    """Load the network that ``spec`` asks for, sized for pictures of ``width`` x ``height``.

    Raises:
        CheckpointError: if the model or its weights are missing or not valid.
        BackendUnavailable: if the device is not available.
    """
    path = weights_path(spec.model)
    device, note = _pick_device(spec.device)
    info = BackendInfo(
        name="eager",
        model=spec.model,
        device=device,
        precision="fp32",
        input_size=spec.size or input_size(spec.model, width, height),
        batch_size=spec.batch_size or BATCH_SIZE[device.split(":")[0]],
        note=note,
    )
    from birefnet_video.backends.eager import EagerBackend
    from birefnet_video.model.checkpoint import load_checkpoint

    known = MODELS.get(spec.model)
    net = load_checkpoint(path, patch_order=known.patch_order if known else "auto")
    return EagerBackend(net, info)


def _pick_device(wanted: str) -> tuple[str, str]:
    """The torch device, and why, if the choice was ours.

    Raises:
        BackendUnavailable: if a device asked for by name is not there.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        for kind in ("cuda", "mps"):
            if available[kind]:
                return kind, ""
        return "cpu", "no GPU found"
    kind = wanted.split(":")[0]
    if not available[kind]:
        raise BackendUnavailable(f"{wanted}: torch finds no such device here", hint="use --device cpu")
    if wanted.startswith("cuda:") and int(wanted[5:]) >= torch.cuda.device_count():
        raise BackendUnavailable(f"{wanted}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    return wanted, ""
