"""The CUDA kernels between a block's matrix products, in the interpreter and compiled for GPUs that are not there."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from birefnet_video.model.kernel_choice import KernelChoice
from birefnet_video.model.rewrites import sums
from birefnet_video.model.rewrites.sums import FusedMlp, add_and_norm
from for_gpus import SHARED, shared_bytes
from timm.layers.mlp import Mlp
from torch import Tensor, nn

SUPPORT = Path(__file__).parents[1] / "support"
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")


@needs_triton
def test_the_cuda_kernels_in_the_interpreter() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, SUPPORT / "interpreted_norms.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("torch.float32") == 4 and done.stdout.count("torch.float16") == 2


@needs_triton
@pytest.mark.parametrize(
    ("capability", "dtype", "channels"), [(75, "fp16", 96), (86, "fp32", 1536), (90, "bf16", 192), (120, "fp16", 768)]
)
def test_the_cuda_kernels_are_compiled_for_gpus_and_fit(
    capability: int, dtype: str, channels: int, tmp_path: Path
) -> None:
    shared = shared_bytes("compiled_norms.py", tmp_path, capability, dtype, channels)
    assert len(shared) == 2 and all(0 <= each <= SHARED[capability] for each in shared)


@needs_triton
def test_pixels_of_a_program_fit_into_its_registers() -> None:
    from birefnet_video.model.norm_triton import blocks_of

    assert blocks_of(96) == (16, 128) and blocks_of(192) == (16, 256) and blocks_of(1536) == (2, 2048)
    assert blocks_of(5000) == (1, 8192)


class Asked(KernelChoice):
    """Says what it is told to, and keeps both ways."""

    def __init__(self, *, takes: bool) -> None:
        super().__init__("sum")
        self.takes, self.ways = takes, []  # type: ignore[var-annotated]

    def takes_kernel(self, case, operators, kernel) -> bool:  # type: ignore[no-untyped-def]
        self.ways.append((case, operators, kernel))
        return self.takes


@needs_triton
@pytest.mark.parametrize("takes", [True, False])
def test_both_ways_of_a_block_give_the_same(takes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins of the kernels, that compute by operators: what reaches them and where it goes."""
    from birefnet_video.model import norm_triton

    def added(x: Tensor, change: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        total = x + change
        return total, nn.functional.layer_norm(total, weight.shape, weight, bias, eps)

    monkeypatch.setattr(norm_triton, "add_norm", added)
    monkeypatch.setattr(norm_triton, "bias_gelu_", lambda x, bias: nn.functional.gelu(x + bias))
    monkeypatch.setattr(sums, "_may_take_kernel", lambda x: True)
    norm, mlp = nn.LayerNorm(24), Mlp(24, 48).eval()
    nn.init.normal_(norm.weight)
    x, change = torch.randn(2, 3, 5, 24), torch.randn(2, 3, 5, 24)
    choice = Asked(takes=takes)
    with torch.inference_mode():
        total, normed = add_and_norm(x, change, norm, choice)
        torch.testing.assert_close(total, x + change)
        torch.testing.assert_close(normed, norm(x + change))
        torch.testing.assert_close(FusedMlp(mlp, choice)(x), mlp(x))
        for case, operators, kernel in choice.ways:
            assert case == sums.RowsCase(torch.device("cpu"), torch.float32, 24, 5)
            torch.testing.assert_close(operators(), kernel())
    assert len(choice.ways) == 2


def test_on_a_cpu_no_kernel_is_asked_for() -> None:
    choice = Asked(takes=True)
    add_and_norm(torch.ones(1, 1, 1, 8), torch.ones(1, 1, 1, 8), nn.LayerNorm(8), choice)
    FusedMlp(Mlp(8, 16), choice)(torch.ones(1, 1, 1, 8))
    assert not choice.ways
