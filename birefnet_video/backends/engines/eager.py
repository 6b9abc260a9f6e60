"""PyTorch as it is: runs everywhere, and is what every other engine is compared with."""

import torch

from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.export import prepare_network


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if the device is not there or does not hold the network.
    """
    try:
        net = prepare_network(request.net, request.info.precision).to(request.info.device)
    except (RuntimeError, AssertionError) as error:
        raise BackendUnavailable(f"{request.info.device}: {str(error).splitlines()[0]}") from None
    return Prepared(net.to(memory_format=torch.channels_last))
