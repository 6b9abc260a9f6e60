"""A prepared network can be captured as a CUDA graph: once warm, nothing waits for the device or comes from the host.

There need not be a GPU: tensors are fake ones that say of themselves that they are on one, and all operators are seen.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from birefnet_video.model import BiRefNet, BiRefNetConfig
from birefnet_video.model.config import PRESETS
from birefnet_video.model.deform import Implementation
from birefnet_video.model.deform_tuning import HALF, DeformTuning
from birefnet_video.model.export import prepare_network
from birefnet_video.model.kernel_choice import KernelChoice
from capturing import Seen
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode


def on_a_gpu(net: nn.Module) -> nn.Module:
    """With fake weights that are on one; under a :class:`FakeTensorMode`."""
    for module in net.modules():
        for values in (module._parameters, module._buffers):
            for name, value in values.items():
                if value is not None:
                    values[name] = nn.Parameter(torch.empty(value.shape, dtype=value.dtype, device="cuda"), False)
    return net


def tensors_of(net: nn.Module) -> int:
    """How many tensors a network keeps, in whatever its modules hold."""

    def walk(value: object) -> Iterator[Tensor]:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            for part in value.values():
                yield from walk(part)
        elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
            yield from walk(vars(value))

    return len({id(tensor) for module in net.modules() for tensor in walk(vars(module))})


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Implementation:
    """Standard operators; or stand-ins of Triton's kernels, which take and give what those do."""
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    takes = request.param == "triton"
    monkeypatch.setattr(KernelChoice, "takes_kernel", lambda self, case, operators, kernel: takes)
    if takes:
        triton = pytest.importorskip("triton")
        assert triton
        from birefnet_video.model import deform_triton, norm_triton, window_triton

        monkeypatch.setattr(DeformTuning, "pick", lambda self, case, run: HALF[0])
        monkeypatch.setattr(norm_triton, "add_norm", added)
        monkeypatch.setattr(norm_triton, "bias_gelu_", bent)
        monkeypatch.setattr(window_triton, "window_attention", attended)
        monkeypatch.setattr(deform_triton, "sample_and_multiply", sampled)
    return "triton" if takes else "grid_sample"


def attended(qkv: Tensor, filling: Tensor | None, position: Tensor, window: object, shift: object) -> Tensor:
    assert qkv.dtype == position.dtype and (filling is None or filling.shape == qkv.shape[-1:])
    return qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)


def added(x: Tensor, change: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    assert x.shape == change.shape and x.dtype == change.dtype == weight.dtype == bias.dtype and eps == 1e-5
    return torch.empty_like(x), torch.empty_like(x)


def bent(x: Tensor, bias: Tensor) -> Tensor:
    assert bias.shape == x.shape[-1:] and x.dtype == bias.dtype
    return x


def sampled(x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, mask: Tensor | None, *others: object) -> Tensor:
    assert rows.dtype == columns.dtype == torch.float32
    return x.new_empty(x.shape[0], *rows.shape[2:], len(weight)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("way", ["grid_sample", "triton"], indirect=True)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("architecture", ["tiny", "swin_v1_t", "pvt_v2_b0", "dino_v3_s"])
def test_a_warm_network_can_be_captured(architecture: str, precision: str, way: Implementation) -> None:
    config = PRESETS["tiny"] if architecture == "tiny" else BiRefNetConfig(backbone=architecture)
    net = prepare_network(BiRefNet(config).eval(), precision, way)
    with FakeTensorMode(), torch.no_grad():
        on_a_gpu(net)
        x = torch.empty(2, 3, 64, 96, device="cuda").contiguous(memory_format=torch.channels_last)
        net(x)
        kept = tensors_of(net)
        with Seen() as seen:
            y = net(x)
    assert not seen.bad
    assert seen.count > 100 and y.shape == (2, 1, 64, 96) and y.dtype == torch.float32
    assert tensors_of(net) == kept


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda x: x[x > 0],
        lambda x: x * x.max().item(),
        lambda x: x + torch.tensor([1.0, 2.0]).to(x.device),
        lambda x: x + torch.tensor(1.0, device=x.device),
        lambda x: x.cpu(),
    ],
    ids=["values decide the shape", "a value is read", "a list", "a number", "to the host"],
)
def test_what_cannot_be_captured_is_seen(spoiled: Callable[[Tensor], Tensor]) -> None:
    with FakeTensorMode(), torch.no_grad(), Seen() as seen:
        x = torch.empty(2, device="cuda")
        try:
            spoiled(x)
        except Exception as error:  # noqa: BLE001 - fake tensors refuse some of it themselves
            seen.bad.append(str(error))
    assert seen.bad
