"""Every rewrite for inference leaves the output as it is."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from birefnet_video.model import BiRefNet, BiRefNetConfig, load_checkpoint, save_checkpoint
from birefnet_video.model.aspp import deformable_aspp
from birefnet_video.model.build import build_reconstruction
from birefnet_video.model.config import PRESETS
from birefnet_video.model.export import prepare_network
from birefnet_video.model.optimize import optimize
from birefnet_video.model.reconstruction import FullHead
from birefnet_video.model.rewrites.batch_norm import _convolutions_before_norms, _pairs, fold_batch_norm
from birefnet_video.model.rewrites.context import SummedASPP
from birefnet_video.model.rewrites.laterals import commute_laterals
from birefnet_video.model.rewrites.tail import FoldedHead
from birefnet_video.model.rewrites.windows import FusedSwin
from birefnet_video.model.swin import SwinBackbone
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from birefnet_video.zoo.files import weights_path


def shaken(net: BiRefNet) -> BiRefNet:
    """With statistics, biases and offsets that are not those of a new network."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    for name, parameter in net.named_parameters():
        if ".offset." in name or ".modulator." in name:
            nn.init.normal_(parameter, 0, 0.05)
    return net.eval()


@pytest.mark.parametrize("architecture", ["tiny", "swin_v1_t", "resnet50", "pvt_v2_b2", "dino_v3_s"])
def test_the_whole_network_says_the_same(architecture: str) -> None:
    config = PRESETS["tiny"] if architecture == "tiny" else BiRefNetConfig(backbone=architecture)
    net = shaken(BiRefNet(config))
    fast = optimize(net)
    left = [name for name, module in fast.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert not left
    x = torch.randn(2, 3, 96, 128)
    with torch.inference_mode():
        plain, rewritten = net(x), fast(x)
    assert torch.isfinite(plain).all() and plain.std() > 0
    assert (plain - rewritten).abs().max() <= 1e-4 * max(1, plain.abs().max())


def test_the_bundled_network_says_the_same() -> None:
    net = load_checkpoint(weights_path("tiny"), patch_order="current")
    x = torch.randn(1, 3, 160, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert (net(x) - optimize(net)(x)).abs().max() <= 1e-4


def test_the_original_is_left_alone() -> None:
    net = shaken(BiRefNet(PRESETS["tiny"]))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimize(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_network_that_nobody_else_has_is_rewritten_without_a_copy_and_its_file_stays(tmp_path: Path) -> None:
    net, x = shaken(BiRefNet(PRESETS["tiny"]).eval()), torch.rand(1, 3, 64, 96)
    save_checkpoint(net, tmp_path / "a.safetensors")
    bytes_before = (tmp_path / "a.safetensors").read_bytes()
    own = load_checkpoint(tmp_path / "a.safetensors")
    fast = optimize(own, is_own=True)
    with torch.inference_mode():
        assert fast is own and (fast(x) - optimize(net)(x)).abs().max() <= 1e-5
    assert (tmp_path / "a.safetensors").read_bytes() == bytes_before


def test_weights_are_brought_to_their_device_before_they_are_halved() -> None:
    net = prepare_network(BiRefNet(PRESETS["tiny"]).eval(), "fp16", device="meta")
    kept = [*net.parameters(), *net.buffers()]
    assert {each.device.type for each in kept} == {"meta"}
    assert {each.dtype for each in net.parameters()} == {torch.float16}


def test_the_run_that_shows_pairs_computes_no_numbers() -> None:
    class Devices(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            self.seen |= {each.device.type for each in tree_leaves(made) if isinstance(each, torch.Tensor)}
            return made

    net = BiRefNet(PRESETS["tiny"]).eval()
    with Devices() as devices:
        pairs = _convolutions_before_norms(net)
    assert len(pairs) == 86 and devices.seen == {"meta"}


@pytest.mark.parametrize("architecture", ["swin_v1_t", "pvt_v2_b0", "vgg16", "dino_v3_s"])
def test_a_backbone_without_norms_is_left_out_of_that_run_and_nothing_else_changes(architecture: str) -> None:
    with torch.device("meta"):
        net = BiRefNet(PRESETS[architecture]).eval()
    before = dict(net.named_modules())
    assert list(_convolutions_before_norms(net).items()) == list(_pairs(net).items())
    assert dict(net.named_modules()) == before


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_the_folded_tail_is_exact_up_to_the_border(size: tuple[int, int]) -> None:
    torch.manual_seed(3)
    head = build_reconstruction(BiRefNetConfig(backbone="swin_v1_t")).head
    assert isinstance(head, FullHead)
    x, image = (
        torch.randn(1, head.project.in_channels - head.inward.conv_out.out_channels, *(s // 4 for s in size)),
        torch.randn(1, 3, *size),
    )
    with torch.inference_mode():
        plain, folded = head(x, image), FoldedHead(head)(x, image)
    assert plain.shape == folded.shape
    assert (plain - folded).abs().max() <= 1e-5


def test_laterals_before_the_up_sampling_are_exact() -> None:
    net = shaken(BiRefNet(BiRefNetConfig(backbone="resnet50")))
    moved = copy.deepcopy(net)
    assert commute_laterals(moved) and not commute_laterals(BiRefNet(PRESETS["tiny"]))
    x = torch.randn(1, 3, 96, 160)
    with torch.inference_mode():
        plain, other = net(x), moved(x)
    assert (plain - other).abs().max() <= 1e-5 * max(1, plain.abs().max())


def test_context_without_concatenation_is_exact() -> None:
    torch.manual_seed(0)
    aspp = deformable_aspp(16, 8).eval()
    fold_batch_norm(aspp_host := nn.Sequential(nn.Conv2d(3, 16, 1), aspp))
    x = torch.randn(2, 16, 12, 10)
    with torch.inference_mode():
        assert (aspp_host[1](x) - SummedASPP(aspp_host[1])(x)).abs().max() <= 1e-5


@pytest.mark.parametrize("size", [(14, 21), (15, 9), (7, 7)])
def test_fused_attention_is_exact_at_every_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    swin = SwinBackbone(24, (2, 2, 2, 2), (1, 2, 3, 6), 7).eval()
    for module in swin.modules():
        if hasattr(module, "relative_position_bias_table"):
            nn.init.normal_(module.relative_position_bias_table)
    x = torch.randn(2, 3, size[0] * 4, size[1] * 4)
    fused = FusedSwin(copy.deepcopy(swin))
    with torch.inference_mode():
        # The second time what was made for the size is used again.
        for _ in range(2):
            for plain, fast in zip(swin(x), fused(x), strict=True):
                assert (plain - fast).abs().max() <= 1e-5


def test_a_convolution_that_feeds_two_norms_is_left() -> None:
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.one, self.other, self.alone = (nn.BatchNorm2d(4) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return self.alone(self.one(y) + self.other(y))

    assert fold_batch_norm(Forked().eval()) == 0
