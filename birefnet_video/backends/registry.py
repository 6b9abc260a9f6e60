"""The one place where a backend is chosen."""

from typing import TYPE_CHECKING

from birefnet_video.backends.base import BackendInfo, MattingBackend
from birefnet_video.backends.devices import pick_device
from birefnet_video.defaults import BATCH_SIZE
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
    device, note = pick_device(spec.device)
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
    from birefnet_video.model.optimize import optimize

    known = MODELS.get(spec.model)
    net = load_checkpoint(path, patch_order=known.patch_order if known else "auto")
    return EagerBackend(optimize(net), info)
