"""``birefnet-video export``."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from attrs import field, frozen
from cyclopts import Parameter

from birefnet_video.commands.pulling import require_weights
from birefnet_video.errors import BackendUnavailable, OutputRefused, UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT, Flag, option_group
from birefnet_video.options.network import BatchSpec, PatchOrderSpec, Precision, PrecisionSpec, WeightsSpec
from birefnet_video.options.outputs import OverwriteSpec
from birefnet_video.signals import exit_on_signals

Format = Literal["onnx", "tensorrt", "openvino", "exported-program"]


@option_group
@frozen(kw_only=True, slots=False)
class ExportSpec(ConfigSpec, OverwriteSpec, BatchSpec, PrecisionSpec, PatchOrderSpec, WeightsSpec):
    """What is written."""

    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = field(default=None)
    """File to write. Default: MODEL-WIDTHxHEIGHT with the format's suffix, here."""
    dynamic_batch: Flag = field(default=False)
    """Any number of pictures at once; not for tensorrt."""


def export(
    form: Annotated[Format, Parameter(name="FORMAT")], /, *, options: Annotated[ExportSpec, FLAT] = ExportSpec()
) -> int:
    """Write a network as a file for other programs.

    The graph takes ImageNet-normalised float32 (N, 3, H, W) and gives raw logits (N, 1, H, W); alpha is their sigmoid.
    It is compared with PyTorch on a photograph, and kept only if it agrees.

    For example:
    birefnet-video export onnx --model tiny --size 512x288
    birefnet-video export openvino --model BiRefNet_lite.safetensors --out lite.xml

    Parameters
    ----------
    form
        onnx (standard operators only), tensorrt (needs an NVIDIA GPU), openvino, or exported-program (torch.export).
        Unless told otherwise for one picture at once, in fp32, of the model's own size for 16:9.
    """
    import torch

    from birefnet_video.backends.base import BackendInfo
    from birefnet_video.backends.engine_table import check_engine
    from birefnet_video.backends.exporting import export_network
    from birefnet_video.zoo.files import weights_path
    from birefnet_video.zoo.loading import judged_order, load_network
    from birefnet_video.zoo.sizes import input_size

    precision = _check(form, options)
    if form == "tensorrt":
        if not torch.cuda.is_available():
            raise BackendUnavailable("export tensorrt: needs an NVIDIA GPU, and torch finds none")
        check_engine("tensorrt", "cuda", precision)
    # A model that is not there is said before anything about its size.
    require_weights(options.model)
    weights_path(options.model)
    size = options.size or input_size(options.model, 1920, 1080)
    target = _target(form, options, size)
    exit_on_signals()
    net = load_network(options.model, options.patch_order)
    if note := judged_order(net, options.model):
        print(note, file=sys.stderr)
    device = "cuda" if form == "tensorrt" else "cpu"
    info = BackendInfo(form, options.model, device, precision, size, options.batch_size or 1)
    report = export_network(net, form, target, info, dynamic=options.dynamic_batch, overwrite=options.overwrite)
    print(f"wrote {target}: alpha differs from PyTorch's by {report.mean_error:.1e} in the mean", file=sys.stderr)
    if report.operators:
        print(f"operators: {', '.join(report.operators)}", file=sys.stderr)
    return 0


def _check(form: Format, options: ExportSpec) -> Precision:
    """The precision of the file.

    Raises:
        UsageError: if the format cannot have what is asked for.
    """
    precision: Precision = "fp32" if options.precision == "auto" else options.precision
    if form == "tensorrt" and options.dynamic_batch:
        raise UsageError("--dynamic-batch: TensorRT engines have one batch size")
    if precision == "int8":
        raise UsageError("--precision int8: files hold fp32, fp16 or bf16", hint="--engine openvino makes int8 itself")
    if precision == "bf16" and form in ("onnx", "openvino"):
        raise UsageError(f"--precision bf16: {form} files hold fp32 or fp16")
    return precision


def _target(form: Format, options: ExportSpec, size: tuple[int, int]) -> Path:
    """The file to write.

    Raises:
        UsageError: if it has another format's suffix.
        OutputRefused: if it is there.
    """
    from birefnet_video.backends.exporting import SUFFIXES
    from birefnet_video.zoo.known import known_models

    stem = options.model if options.model in known_models() else Path(options.model).stem
    target = options.out or Path(f"{stem}-{size[1]}x{size[0]}{SUFFIXES[form]}")
    if target.suffix != SUFFIXES[form]:
        raise UsageError(f"--out: {target} does not end in {SUFFIXES[form]}")
    if target.exists() and not options.overwrite:
        raise OutputRefused(f"{target}: exists already", hint="-y overwrites it")
    return target
