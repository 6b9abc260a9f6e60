"""Weights that go straight to a GPU and are rewritten there."""

from pathlib import Path

import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint, save_checkpoint
from birefnet_video.model.config import PRESETS
from birefnet_video.model.export import prepare_network
from birefnet_video.model.precision import keep_float32

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("precision", "step"), [("fp32", 2**-16), ("fp16", 2**-9)])
def test_a_network_made_ready_on_the_gpu_is_the_one_made_on_the_cpu_and_moved(
    precision: str, step: float, tmp_path: Path
) -> None:
    keep_float32()
    torch.manual_seed(0)
    path = tmp_path / "net.safetensors"
    save_checkpoint(BiRefNet(PRESETS["swin_v1_t"]), path, dtype=torch.float16)
    there, moved = (
        prepare_network(load_checkpoint(path, device=device), precision, device="cuda", is_own=True)
        for device in ("cuda", "cpu")
    )
    ours, theirs = there.state_dict(), moved.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert value.is_cuda and value.dtype == theirs[name].dtype
        # What is summed up in another order is rounded in another way.
        size = theirs[name].float().abs().max()
        assert (value.float() - theirs[name].float()).abs().max() <= step * size, name
    x = torch.randn(2, 3, 96, 160, device="cuda")
    with torch.inference_mode():
        assert (torch.sigmoid(there(x)) - torch.sigmoid(moved(x))).abs().max() < 5e-3
