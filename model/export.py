"""Networks as graphs for other programs: exported program and ONNX, of standard operators only.

The graph takes ``input_image``, ImageNet-normalised float32 (N, 3, H, W), and gives ``output_image``, raw logits
float32 (N, 1, H, W): the names and meaning that published BiRefNet graphs have.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from birefnet_video.model.deform import Implementation
from birefnet_video.model.precision import HalfBiRefNet
from torch import nn

if TYPE_CHECKING:
    from birefnet_video.model.birefnet import BiRefNet
    from torch.export import ExportedProgram

INPUT_NAME, OUTPUT_NAME = "input_image", "output_image"
#: Knows GridSample of four dimensions, and is known by ONNX Runtime since 1.15.
_OPSET = 18
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def prepare_network(
    net: "BiRefNet",
    precision: str,
    deform: Implementation = "auto",
    *,
    device: str | torch.device = "cpu",
    is_own: bool = False,
) -> nn.Module:
    """``net`` rewritten for inference; float32 on both ends.

    Args:
        net: on the CPU or on ``device``; it is rewritten where it lies.
        precision: ``fp32``, ``fp16`` or ``bf16``.
        deform: how deformable convolutions are computed.
        device: that the result lies on, and that turns weights into half precision.
        is_own: nobody else has ``net``; otherwise it stays as it is.
    """
    # Brings timm along, which who runs a graph that lies ready does without.
    from birefnet_video.model.optimize import optimize

    fast = optimize(net, deform=deform, is_own=is_own).to(device)
    return fast if precision == "fp32" else HalfBiRefNet(fast, DTYPES[precision])


def export_program(
    net: nn.Module, size: tuple[int, int], batch: int, *, dynamic_batch: bool = False
) -> "ExportedProgram":
    """The graph of a network for pictures of one size.

    Args:
        net: normalised float32 (N, 3, H, W) -> logits (N, 1, H, W), on the CPU.
        size: height and width, multiples of 32.
        batch: pictures at once.
        dynamic_batch: any number of pictures from 1 on.
    """
    # One of two would be taken for a constant.
    example = torch.randn(max(batch, 2) if dynamic_batch else batch, 3, *size)
    shapes = ({0: torch.export.Dim("batch", min=1)},) if dynamic_batch else None
    with torch.no_grad():
        return torch.export.export(net, (example,), dynamic_shapes=shapes)


def write_onnx(program: "ExportedProgram", path: Path) -> None:
    """Write a graph as ONNX. Weights beyond 2 GB go into a file beside it.

    Raises:
        ImportError: if onnx or onnxscript is missing.
    """
    result = torch.onnx.export(
        program, input_names=[INPUT_NAME], output_names=[OUTPUT_NAME], opset_version=_OPSET, dynamo=True, verbose=False
    )
    assert result is not None  # the exporter by torch.export gives a program
    result.save(str(path), include_initializers=True)
