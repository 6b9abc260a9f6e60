"""OpenVINO on CPUs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines.graphs import key_of
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.export import DTYPES, INPUT_NAME, OUTPUT_NAME, export_program, prepare_network
from birefnet_video.model.precision import needs_float32

if TYPE_CHECKING:
    from birefnet_video.model import BiRefNet

_FILE = "network.xml"
#: Batches that are computed at once, unless each is to be done as early as possible.
_STREAMS = 2
_PRECISION = {"fp32": "f32", "bf16": "bf16"}


def write_openvino(
    net: "BiRefNet", path: Path, info: BackendInfo, *, dynamic: bool = False, in_half: bool = False
) -> None:
    """Write a network as OpenVINO's ``.xml`` and ``.bin``.

    Args:
        net: as it was loaded.
        path: of the ``.xml``.
        info: size and batch.
        dynamic: take any number of pictures at once.
        in_half: keep the weights in float16.
    """
    import openvino

    # Its own deformable convolution is faster than one of grid_sample, and reads torchvision's operator.
    fast = prepare_network(net, "fp32", "torchvision")
    program = export_program(fast, info.input_size, info.batch_size, dynamic_batch=dynamic)
    network = openvino.convert_model(program)
    network.reshape([-1 if dynamic else info.batch_size, 3, *info.input_size])
    network.inputs[0].get_tensor().set_names({INPUT_NAME})
    network.outputs[0].get_tensor().set_names({OUTPUT_NAME})
    openvino.save_model(network, path, compress_to_fp16=in_half)


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if the network would suffer in the precision asked for.
    """
    import openvino

    info = request.info
    if needs_float32(request.net, DTYPES[info.precision]):
        raise BackendUnavailable(
            f"openvino: the backbone of {info.model} needs float32, and OpenVINO has one precision for all",
            hint="use --precision fp32",
        )
    key = key_of(request, openvino=openvino.__version__) | {"precision": "fp32"}

    def build(folder: Path) -> None:
        request.tell("openvino: converting the network, once; the next start finds it")
        write_openvino(request.net, folder / _FILE, info)

    streams = 1 if request.one_at_a_time else _STREAMS
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISION[info.precision],
        # Two batches at once, each on half of the threads: on few cores that wastes less than sharing every layer.
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }

    def load(folder: Path) -> "openvino.CompiledModel":
        return openvino.Core().compile_model(folder / _FILE, "CPU", settings)

    compiled = request.cache.load("openvino", key, build, load, request.tell)
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != _PRECISION[info.precision]:
        raise BackendUnavailable(f"openvino: this processor computes in {taken}, not in {_PRECISION[info.precision]}")
    free = [compiled.create_infer_request() for _ in range(streams)]

    def start(x: Tensor) -> Callable[[], Tensor]:
        # The line begins one batch before it collects the one before.
        job = free.pop() if free else compiled.create_infer_request()
        # The input must live until the network has read it.
        pixels = x.contiguous().numpy()
        job.start_async([pixels], share_inputs=True)

        def collect() -> Tensor:
            job.wait()
            logits = torch.from_numpy(job.get_output_tensor(0).data.copy())
            free.append(job)
            return logits

        return collect

    return Prepared(lambda x: start(x)(), is_fixed=True, start=start)
