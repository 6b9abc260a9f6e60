"""What engines that run a graph have in common: its key in the cache and its export."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from birefnet_video._version import __version__
from birefnet_video.backends.cache import hash_file, hash_of_code
from birefnet_video.backends.engine import Request

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def key_of(request: Request, **versions: str) -> dict[str, str]:
    """Everything that a built graph depends on."""
    info = request.info
    height, width = info.input_size
    return {
        "weights": hash_file(request.weights),
        # The same file is another network in another order.
        "patch order": request.network.facts.patch_order,
        "code": hash_of_code(),
        "size": f"{width}x{height}",
        "batch": str(info.batch_size),
        "precision": info.precision,
        "device": device_name(info.device),
        # Constants of a built engine lie on one GPU.
        "index": info.device.partition(":")[2] or "0",
        "birefnet-video": __version__,
        "torch": torch.__version__,
        **versions,
    }


def device_name(device: str) -> str:
    """What built code depends on: the GPU, its capability and the CUDA version, or the processor."""
    if device.startswith("cuda"):
        capability = ".".join(str(part) for part in torch.cuda.get_device_capability(device))
        return f"{torch.cuda.get_device_name(device)}, {capability}, CUDA {torch.version.cuda}, driver {_driver()}"
    return f"{device}, {platform.machine()}"


def _driver() -> str:
    version = Path("/proc/driver/nvidia/version")
    return version.read_text().splitlines()[0] if version.exists() else platform.version()


def export(request: Request) -> "ExportedProgram":
    """The graph of a request's network, of standard operators."""
    from birefnet_video.model.export import export_program, prepare_network

    net = prepare_network(request.net, request.info.precision, "grid_sample")
    return export_program(net, request.info.input_size, request.info.batch_size)
