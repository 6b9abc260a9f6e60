"""Deformable convolution against torchvision's, in value and gradient."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from birefnet_video.model import deform as module
from birefnet_video.model.deform import Implementation, deform_conv2d
from for_gpus import SHARED, shared_bytes
from official import DATA
from torch import Tensor

VECTORS = np.load(DATA / "deform_conv2d.npz")
CASES = ["k1", "k3", "k7", "k3_far", "k3_s2", "k3_int"]


@pytest.fixture(params=["embedding_bag", "grid_sample", "torchvision"])
def implementation(request: pytest.FixtureRequest) -> Implementation:
    return request.param


def tensors(case: str, *, grad: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    names = ("x", "offset", "mask", "weight")
    x, offset, mask, weight = (torch.from_numpy(VECTORS[f"{case}|{name}"]).requires_grad_(grad) for name in names)
    return x, offset, mask, weight


@pytest.mark.parametrize("case", CASES)
def test_values(case: str, implementation: Implementation) -> None:
    x, offset, mask, weight = tensors(case)
    _, stride, padding = (int(v) for v in VECTORS[f"{case}|k_s_p"])
    y = deform_conv2d(x, offset, weight, mask, stride=stride, padding=padding, implementation=implementation)
    torch.testing.assert_close(y, torch.from_numpy(VECTORS[f"{case}|y"]), atol=2e-5, rtol=1e-5)
    y = deform_conv2d(x, offset, weight, stride=stride, padding=padding, implementation=implementation)
    torch.testing.assert_close(y, torch.from_numpy(VECTORS[f"{case}|y_nomask"]), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("case", ["k1", "k3", "k7", "k3_far", "k3_s2"])
def test_gradients(case: str, implementation: Implementation) -> None:
    leaves = tensors(case, grad=True)
    x, offset, mask, weight = leaves
    _, stride, padding = (int(v) for v in VECTORS[f"{case}|k_s_p"])
    y = deform_conv2d(x, offset, weight, mask, stride=stride, padding=padding, implementation=implementation)
    y.backward(torch.from_numpy(VECTORS[f"{case}|gout"]))
    for name, leaf in zip(("x", "offset", "mask", "weight"), leaves, strict=True):
        expected = VECTORS[f"{case}|grad_{name}"]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(leaf.grad.numpy(), expected, atol=1e-4 * scale, rtol=1e-4, err_msg=name)


def test_bfloat16_keeps_positions_exact(implementation: Implementation) -> None:
    """A ramp sampled far from the origin: positions rounded to bfloat16 would miss by pixels, not by 0.4 %."""
    width = 500
    x = torch.linspace(0, 1, width).repeat(1, 1, 3, 1).to(torch.bfloat16)
    offset = torch.zeros(1, 2, 3, width)
    offset[:, 1] = 0.37
    y = deform_conv2d(x, offset, torch.ones(1, 1, 1, 1, dtype=torch.bfloat16), implementation=implementation)
    expected = (torch.arange(width - 1) + 0.37) / (width - 1)
    assert y.dtype == torch.bfloat16
    assert (y[0, 0, 1, :-1].float() - expected).abs().max() < 6e-3


@pytest.mark.parametrize("case", ["k3", "k7"])
def test_bfloat16_is_close_to_float32(case: str, implementation: Implementation) -> None:
    x, offset, mask, weight = tensors(case)
    _, stride, padding = (int(v) for v in VECTORS[f"{case}|k_s_p"])
    y = deform_conv2d(
        x.bfloat16(), offset, weight.bfloat16(), mask, stride=stride, padding=padding, implementation=implementation
    )
    expected = VECTORS[f"{case}|y"]
    assert np.abs(y.float().numpy() - expected).max() <= 0.03 * np.abs(expected).max()


def test_offset_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="offset has shape"):
        deform_conv2d(torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 4, 4), torch.zeros(3, 2, 1, 1))


def test_against_torchvision_on_random_shapes(implementation: Implementation) -> None:
    torchvision = pytest.importorskip("torchvision.ops")
    generator = torch.Generator().manual_seed(3)
    for _ in range(8):
        n, c, o = (int(v) for v in torch.randint(1, 5, (3,), generator=generator))
        height, width = (int(v) for v in torch.randint(4, 20, (2,), generator=generator))
        x = torch.randn(n, c, height, width, generator=generator)
        offset = 4 * torch.randn(n, 18, height, width, generator=generator)
        mask = torch.rand(n, 9, height, width, generator=generator)
        weight = torch.randn(o, c, 3, 3, generator=generator)
        bias = torch.randn(o, generator=generator)
        offset[0, :, 0, 0] = 1e9
        expected = torchvision.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)
        y = deform_conv2d(x, offset, weight, mask, bias, padding=1, implementation=implementation)
        torch.testing.assert_close(y, expected, atol=5e-5, rtol=1e-4)


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
def test_the_cuda_kernel_in_the_interpreter() -> None:
    script = Path(__file__).parents[1] / "support" / "interpreted.py"
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("torch.float32") == 9 and done.stdout.count("torch.float16") == 3


def test_where_the_cuda_kernel_does_not_run_that_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features = SimpleNamespace(device=torch.device("cuda:7"), requires_grad=False)
    monkeypatch.setattr(module, "why_no_kernel", lambda device: f"{device} is too old")
    with pytest.warns(UserWarning, match=r"does not run on cuda:7 \(cuda:7 is too old\): grid_sample stands in"):
        assert module.pick_implementation(features) == "grid_sample"  # type: ignore[arg-type]
    assert module.pick_implementation(features) == "grid_sample"  # type: ignore[arg-type]
    module._has_kernel.cache_clear()
    monkeypatch.setattr(module, "why_no_kernel", lambda device: None)
    assert module.pick_implementation(features) == "triton"  # type: ignore[arg-type]
    module._has_kernel.cache_clear()


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton on this system")
@pytest.mark.parametrize(
    ("capability", "dtype"), [(75, "fp16"), (80, "bf16"), (86, "fp32"), (90, "fp16"), (120, "fp32")]
)
def test_the_cuda_kernel_is_compiled_for_gpus_and_fits(capability: int, dtype: str, tmp_path: Path) -> None:
    shared = shared_bytes("compiled.py", tmp_path, capability, dtype)
    assert len(shared) == 3 and all(0 < each <= SHARED[capability] for each in shared)


@pytest.mark.gpu
def test_the_cuda_kernel_on_a_gpu() -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        x = torch.randn(2, 64, 40, 56, device="cuda").to(dtype)
        offset = 3 * torch.randn(2, 98, 40, 56, device="cuda")
        weight = torch.randn(256, 64, 7, 7, device="cuda") / 56
        fused, plain = (
            deform_conv2d(part, offset, weight, padding=3, implementation=implementation)
            for part, implementation in ((x, "triton"), (x.float(), "grid_sample"))
        )
        assert (fused.float() - plain).abs().max() <= (1e-3 if dtype == torch.float32 else 6e-2)
