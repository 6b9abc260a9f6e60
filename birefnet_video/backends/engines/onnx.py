"""ONNX Runtime: on CPUs, on CUDA, and through it TensorRT."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines.graphs import export, key_of
from birefnet_video.backends.progress import building
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.export import INPUT_NAME, OUTPUT_NAME, write_onnx

_FILE = "network.onnx"


def load_library() -> Any:
    """The module ``onnxruntime``, without its telemetry, which reports to its makers and names the machine."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if ONNX Runtime here does not run on the device.
    """
    onnxruntime = load_library()
    info = request.info
    providers = _providers(info.device, onnxruntime.get_available_providers())
    key = key_of(request, onnxruntime=onnxruntime.__version__)

    def build(folder: Path) -> None:
        with building("onnx: exporting the network", request.tell):
            write_onnx(export(request), folder / _FILE)

    def load(folder: Path) -> Any:
        session = onnxruntime.InferenceSession(str(folder / _FILE), providers=providers)
        # Otherwise it prints and goes on elsewhere when a provider fails.
        session.disable_fallback()
        return session

    session = request.cache.load("onnx", key, build, load, request.tell)
    if session.get_providers()[0] == "CPUExecutionProvider" and info.device != "cpu":
        raise BackendUnavailable(f"onnx: ONNX Runtime does not start on {info.device}")

    def run(x: Tensor) -> Tensor:
        (logits,) = session.run([OUTPUT_NAME], {INPUT_NAME: x.cpu().contiguous().numpy()})
        return torch.from_numpy(logits).to(x.device)

    return Prepared(run, is_fixed=True)


def _providers(device: str, available: list[str]) -> list[str | tuple[str, dict[str, int]]]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if not device.startswith("cuda") or "CUDAExecutionProvider" not in available:
        raise BackendUnavailable(
            f"onnx: ONNX Runtime here has no provider for {device}", hint="pip install onnxruntime-gpu, or --device cpu"
        )
    wanted = ["CUDAExecutionProvider"]
    # The list names it even where its libraries are missing.
    if "TensorrtExecutionProvider" in available and find_spec("tensorrt") is not None:
        wanted.insert(0, "TensorrtExecutionProvider")
    index = torch.device(device).index or 0
    return [(name, {"device_id": index}) for name in wanted]
