"""``birefnet-video export``."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from birefnet_video.errors import BackendUnavailable, OutputRefused, UsageError
from birefnet_video.signals import exit_on_signals
from birefnet_video.spec import BackendSpec, parse_size


def export(
    form: Annotated[Literal["onnx", "tensorrt", "openvino", "exported-program"], Parameter(name="FORMAT")],
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    model: Annotated[str, Parameter(name=["--model", "-m"])] = "tiny",
    size: str | None = None,
    batch_size: Annotated[int, Parameter(name=["--batch-size", "-b"])] = 1,
    dynamic_batch: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    precision: Literal["fp32", "fp16", "bf16"] = "fp32",
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=(), show_default=False)] = False,
) -> int:
    """Write a network as a file for other programs.

    The graph takes ImageNet-normalised float32 (N, 3, H, W) and gives raw logits (N, 1, H, W); alpha is their sigmoid.
    It is compared with PyTorch on a photograph, and kept only if it agrees.

    Examples:
    birefnet-video export onnx --model tiny --size 512x288
    birefnet-video export openvino --model BiRefNet_lite.safetensors --out lite.xml

    Parameters
    ----------
    form
        onnx (standard operators only), tensorrt (needs an NVIDIA GPU), openvino, or exported-program (torch.export).
    out
        File to write. Default: MODEL-WIDTHxHEIGHT with the format's suffix, here.
    model
        Name or path of a .safetensors or .pth file.
    size
        Size of the pictures: N, or WIDTHxHEIGHT; multiples of 32. Default: the model's own, for 16:9.
    batch_size
        Pictures at once.
    dynamic_batch
        Any number of pictures at once; not for tensorrt.
    precision
        Of the weights and the arithmetic inside.
    overwrite
        Replace the file if it exists.
    """
    import torch

    from birefnet_video.backends.base import BackendInfo
    from birefnet_video.backends.exporting import SUFFIXES, export_network
    from birefnet_video.backends.registry import check_engine
    from birefnet_video.models import MODELS, input_size, load_network, weights_path

    spec = BackendSpec(model=model, size=parse_size(size), batch_size=batch_size)
    if form == "tensorrt" and dynamic_batch:
        raise UsageError("--dynamic-batch: TensorRT engines have one batch size")
    if precision == "bf16" and form in ("onnx", "openvino"):
        raise UsageError(f"--precision bf16: {form} files hold fp32 or fp16")
    if form == "tensorrt" and not torch.cuda.is_available():
        raise BackendUnavailable("export tensorrt: needs an NVIDIA GPU, and torch finds none")
    device = "cuda" if form == "tensorrt" else "cpu"
    if form == "tensorrt":
        check_engine("tensorrt", device, precision)
    # A model that is not there is said before anything about its size.
    weights_path(model)
    height, width = spec.size or input_size(model, 1920, 1080)
    stem = model if model in MODELS else Path(model).stem
    target = out or Path(f"{stem}-{width}x{height}{SUFFIXES[form]}")
    if target.suffix != SUFFIXES[form]:
        raise UsageError(f"--out: {target} does not end in {SUFFIXES[form]}")
    if target.exists() and not overwrite:
        raise OutputRefused(f"{target}: exists already", hint="-y overwrites it")
    exit_on_signals()
    net = load_network(model)
    info = BackendInfo(form, model, device, precision, (height, width), batch_size)
    report = export_network(net, form, target, info, dynamic=dynamic_batch, overwrite=overwrite)
    print(f"wrote {target}: alpha differs from PyTorch's by {report.mean_error:.1e} in the mean", file=sys.stderr)
    if report.operators:
        print(f"operators: {', '.join(report.operators)}", file=sys.stderr)
    return 0
