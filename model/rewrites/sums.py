"""What Swin's blocks do between their matrix products: sums with layer norm after them, and GELU."""

from dataclasses import dataclass

import torch
from birefnet_video.model.kernel_choice import KernelChoice
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class RowsCase:
    """Maps for which one choice holds."""

    device: torch.device
    dtype: torch.dtype
    channels: int
    magnitude: int
    """Binary digits of the number of pixels: with few of them, beginning a kernel is what takes time."""


def _may_take_kernel(x: Tensor) -> bool:
    # Graphs are made of standard operators.
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return False
    return x.is_cuda and not (torch.is_grad_enabled() and x.requires_grad)


def _case_of(x: Tensor) -> RowsCase:
    return RowsCase(x.device, x.dtype, x.shape[-1], (x.numel() // x.shape[-1]).bit_length())


def add_and_norm(x: Tensor, change: Tensor, norm: nn.LayerNorm, choice: KernelChoice) -> tuple[Tensor, Tensor]:
    """The sum of two maps, and its layer norm: both float (N, H, W, C).

    Args:
        x: float (N, H, W, C).
        change: the same.
        norm: over C.
        choice: knows where the CUDA kernel is taken.
    """

    def by_operators() -> tuple[Tensor, Tensor]:
        total = x + change
        return total, norm(total)

    def by_kernel() -> tuple[Tensor, Tensor]:
        from birefnet_video.model.norm_triton import add_norm

        return add_norm(x, change, norm.weight, norm.bias, norm.eps)

    if _may_take_kernel(x) and choice.takes_kernel(_case_of(x), by_operators, by_kernel):
        return by_kernel()
    return by_operators()


class FusedMlp(nn.Module):
    """Two linear maps with GELU between them."""

    def __init__(self, mlp: Mlp, choice: KernelChoice) -> None:
        """
        Args:
            mlp: what it computes.
            choice: knows where the CUDA kernel is taken.
        """
        super().__init__()
        self.fc1, self.fc2, self.choice = mlp.fc1, mlp.fc2, choice

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N, H, W, C)."""
        takes = _may_take_kernel(x) and self.choice.takes_kernel(
            _case_of(x), lambda: self._by_operators(x), lambda: self._by_kernel(x)
        )
        return self.fc2(self._by_kernel(x) if takes else self._by_operators(x))

    def _by_operators(self, x: Tensor) -> Tensor:
        return F.gelu(self.fc1(x))

    def _by_kernel(self, x: Tensor) -> Tensor:
        from birefnet_video.model.norm_triton import bias_gelu_

        assert self.fc1.bias is not None  # it is made with one
        # The product's own memory takes the result.
        return bias_gelu_(F.linear(x, self.fc1.weight), self.fc1.bias)
