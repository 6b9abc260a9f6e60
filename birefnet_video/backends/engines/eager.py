"""PyTorch as it is: runs everywhere, and is what every other engine is compared with."""

import torch

from birefnet_video.backends.engine import Prepared, Request, first_line
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.deform import Implementation, why_no_kernel
from birefnet_video.model.export import prepare_network


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if the device is not there or does not hold the network.
    """
    info = request.info
    deform: Implementation = "auto"
    if info.device.startswith("cuda") and (reason := why_no_kernel(info.device)) is not None:
        request.tell(f"Triton's kernel does not run here ({reason}): grid_sample stands in for it")
        deform = "grid_sample"
    try:
        net = prepare_network(request.net, info.precision, deform).to(info.device)
    except (RuntimeError, AssertionError) as error:
        raise BackendUnavailable(f"{info.device}: {first_line(error)}") from None
    return Prepared(net.to(memory_format=torch.channels_last))
