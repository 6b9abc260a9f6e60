"""PyTorch as it is: runs everywhere, and is what every other engine is compared with."""

import torch

from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engine_table import loads_on
from birefnet_video.backends.kernel_memory import machine_of, remember_kernels
from birefnet_video.model.deform import Implementation, why_no_kernel
from birefnet_video.model.export import prepare_network
from birefnet_video.model.rewrites.windows import tell_of_kernels


def prepare(request: Request) -> Prepared:
    """Also the beginning of what is compiled."""
    info = request.info
    deform: Implementation = "auto"
    if info.device.startswith("cuda") and (reason := why_no_kernel(info.device)) is not None:
        request.tell(f"Triton's kernel does not run here ({reason}): grid_sample stands in for it")
        deform = "grid_sample"
    own = request.network.take(loads_on(info.name, info.device))
    net = prepare_network(own, info.precision, deform, device=info.device, is_own=True)
    tell_of_kernels(net, request.tell)
    if info.device.startswith("cuda") and deform == "auto":
        remember_kernels(net, request.cache, machine_of(info.device))
    return Prepared(net.to(memory_format=torch.channels_last))
