"""Window attention for inference: the same as the plain blocks, in groups of windows or by one operator."""

import copy

import pytest
import torch
from birefnet_video.model.rewrites.window_groups import group_masks, groups_of
from birefnet_video.model.rewrites.windows import FusedSwin, FusedWindowAttention
from birefnet_video.model.swin import SwinBackbone, shift_mask
from torch import nn

#: Of the map at the finest stage, in pixels: whole windows, padding in one axis and in both, less than a window.
SIZES = [(14, 21), (14, 9), (15, 9), (7, 7), (3, 5)]


def backbone() -> SwinBackbone:
    torch.manual_seed(0)
    swin = SwinBackbone(24, (2, 2, 2, 2), (1, 2, 3, 6), 7).eval()
    for module in swin.modules():
        if hasattr(module, "relative_position_bias_table"):
            nn.init.normal_(module.relative_position_bias_table)
            nn.init.normal_(module.qkv.bias)
    return swin


def attentions(net: nn.Module) -> list[FusedWindowAttention]:
    return [module for module in net.modules() if isinstance(module, FusedWindowAttention)]


def kept(net: nn.Module) -> int:
    return sum(value.numel() for value in net.buffers())


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_groups_say_what_the_plain_blocks_say(size: tuple[int, int], batch: int) -> None:
    swin = backbone()
    fused = FusedSwin(copy.deepcopy(swin))
    before = kept(fused)
    x = torch.randn(batch, 3, size[0] * 4, size[1] * 4)
    with torch.inference_mode():
        for plain, fast in zip(swin(x), fused(x), strict=True):
            assert (plain - fast).abs().max() <= 1e-5
            assert fast.is_contiguous(memory_format=torch.channels_last)
    assert kept(fused) == before


@pytest.mark.parametrize("size", SIZES)
def test_the_operators_of_graphs_say_what_groups_say(size: tuple[int, int]) -> None:
    x = torch.randn(2, *size, 24)
    for attention in attentions(FusedSwin(backbone()))[:2]:
        with torch.inference_mode():
            assert (attention._by_windows(x) - attention(x)).abs().max() <= 1e-5


def test_half_precision_is_close() -> None:
    swin = backbone()
    fused = FusedSwin(copy.deepcopy(swin)).to(torch.bfloat16)
    x = torch.randn(1, 3, 60, 36)
    with torch.inference_mode():
        for plain, fast in zip(swin(x), fused(x.bfloat16()), strict=True):
            assert (plain - fast.float()).abs().max() <= 0.05 * plain.abs().max()


@pytest.mark.parametrize("shift", [(0, 0), (3, 3), (2, 0)])
@pytest.mark.parametrize("shape", [(2, 12, 18), (1, 6, 12), (1, 6, 6)])
def test_groups_hold_every_window_once_with_its_mask(shape: tuple[int, int, int], shift: tuple[int, int]) -> None:
    n, height, width = shape
    window = (6, 6)
    whole = torch.arange(n * height * width, dtype=torch.float32).view(n, height, width, 1)
    groups = groups_of(shape, window, shift)
    cut = torch.full((groups[-1].windows.stop, 36, 1), -1.0)
    for group in groups:
        for within, there in group.pieces(cut[group.windows], whole):
            within.copy_(there)
    rolled = torch.roll(whole, (-shift[0], -shift[1]), dims=(1, 2))
    expected = rolled.view(n, height // 6, 6, width // 6, 6).transpose(2, 3).reshape(-1, 36)
    assert sorted(map(tuple, cut[..., 0].tolist())) == sorted(map(tuple, expected.tolist()))
    mask = shift_mask(height, width, window, shift, whole)
    if mask is None:
        assert not group_masks(window, shift, whole).any()
        return
    of = {tuple(places): mask[index % len(mask)] for index, places in enumerate(expected.tolist())}
    for group in groups:
        for places in cut[group.windows, :, 0].tolist():
            assert torch.equal(group_masks(window, shift, whole)[group.kind], of[tuple(places)])


@pytest.mark.gpu
@pytest.mark.parametrize("window", [7, 12])
def test_the_cuda_kernel_on_a_gpu(window: int) -> None:
    torch.manual_seed(0)
    swin = SwinBackbone(96, (2, 2, 2, 2), (3, 6, 12, 24), window).eval()
    for attention in attentions(FusedSwin(swin))[:2]:
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.float16, 5e-3), (torch.bfloat16, 3e-2)):
            way = copy.deepcopy(attention).to("cuda", dtype)
            for size in ((48, 84), (50, 31)):
                x = torch.randn(2, *size, 96, device="cuda", dtype=dtype)
                with torch.inference_mode():
                    by_kernel, by_operators = way._by_kernel(x).float(), way._by_groups(x).float()
                assert (by_kernel - by_operators).abs().max() <= tolerance * by_operators.abs().max()
