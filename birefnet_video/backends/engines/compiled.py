"""torch.compile; on CUDA its launches are recorded as CUDA graphs. Built anew in every process."""

import torch

from birefnet_video.backends.captured import Captured
from birefnet_video.backends.cuda_recorder import CudaRecorder
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines import eager
from birefnet_video.backends.memory import is_memory
from birefnet_video.backends.progress import building
from birefnet_video.errors import BackendUnavailable, first_line


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if it cannot be compiled, for want of a C++ compiler for example.
        RuntimeError: if memory runs out.
    """
    info = request.info
    plain = eager.prepare(request)
    what = "compile: building the network's code, which takes a minute or more"
    try:
        # Inside, as the frames are: code for tensors of another kind would be compiled again for them.
        with building(what, request.tell, is_kept=False), torch.inference_mode():
            example = torch.zeros(info.batch_size, 3, *info.input_size, device=info.device)
            example = example.to(memory_format=torch.channels_last)
            # Makes what is kept for a size, so that it is data of the compiled code.
            plain.run(example)
            fast = torch.compile(plain.run, dynamic=False)
            for _ in range(3):
                fast(example)
    except RuntimeError as error:
        if is_memory(error):
            raise
        raise BackendUnavailable(f"compile: {first_line(error)}", hint="use --engine eager") from None
    if not info.device.startswith("cuda"):
        return Prepared(fast, is_fixed=True)
    # Not torch.compile's own graphs: those belong to the thread that compiles.
    recorded = Captured(fast, CudaRecorder(torch.device(info.device)), request.tell)
    return Prepared(recorded, is_fixed=True, close=recorded.close)
