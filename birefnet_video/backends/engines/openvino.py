"""OpenVINO on CPUs."""

from pathlib import Path

import torch
from torch import Tensor

from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines.graphs import export, key_of
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.export import DTYPES
from birefnet_video.model.precision import needs_float32

_FILE = "network.xml"
_PRECISION = {"fp32": "f32", "bf16": "bf16"}


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
        # Its own deformable convolution is faster than one of grid_sample, and reads torchvision's operator.
        program = export(request, deform="torchvision", precision="fp32")
        openvino.save_model(openvino.convert_model(program), folder / _FILE, compress_to_fp16=False)

    folder, _ = request.cache.find_or_build("openvino", key, build)
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISION[info.precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(folder / _FILE, "CPU", settings)
    infer_request = compiled.create_infer_request()

    def run(x: Tensor) -> Tensor:
        result = infer_request.infer([x.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(result[0].copy())

    return Prepared(run, is_fixed=True)
