"""PyTorch as it is, its launches recorded as CUDA graphs: what the processor spends on launching is spent once."""

import torch

from birefnet_video.backends.captured import Captured
from birefnet_video.backends.cuda_recorder import CudaRecorder
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines import eager


def prepare(request: Request) -> Prepared:
    """Recording is left to the thread that brings the first batch: other threads may compose on the GPU meanwhile."""
    plain = eager.prepare(request)
    network = Captured(plain.run, CudaRecorder(torch.device(request.info.device)), request.tell)
    return Prepared(network, close=network.close)
