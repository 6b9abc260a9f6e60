"""The network gives the reference's numbers. Vectors and tolerances: tests/data/parity/README.md."""

from pathlib import Path

import fill
import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from official import DATA, official_weights
from safetensors.torch import save_file

MAX_ERROR, RMS_ERROR = 2e-4, 2e-5


def load(name: str, folder: Path, patch_order: str = "current") -> BiRefNet:
    path = folder / f"{name}.safetensors"
    save_file(official_weights(name), path)
    return load_checkpoint(path, patch_order=patch_order)  # type: ignore[arg-type]


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    error = found.astype(np.float64) - expected
    assert np.abs(error).max() <= MAX_ERROR
    assert np.sqrt((error**2).mean()) <= RMS_ERROR


@pytest.mark.parametrize(
    "vector",
    [
        "swin_v1_t-256x256",
        "swin_v1_t-384x256",
        "swin_v1_l-256x256",
        "pvt_v2_b2-256x256",
        "resnet50-256x256",
        "dino_v3_s-256x256",
    ],
)
def test_eval_logits(vector: str, tmp_path: Path) -> None:
    expected = np.load(DATA / f"eval-{vector}.npz")
    net = load(vector.split("-")[0], tmp_path)
    with torch.inference_mode():
        logits = net(fill.to_input(expected["image_u8"]))
    assert_close(logits.numpy(), expected["logits"])


def test_legacy_patch_order_is_normalised_on_loading(tmp_path: Path) -> None:
    expected = np.load(DATA / "eval-legacypatchorder-swin_v1_t-256x256.npz")
    net = load("swin_v1_t", tmp_path, patch_order="legacy")
    with torch.inference_mode():
        logits = net(fill.to_input(expected["image_u8"]))
    assert_close(logits.numpy(), expected["logits"])


@pytest.mark.slow
def test_eval_logits_at_1024(tmp_path: Path) -> None:
    expected = np.load(DATA / "eval-swin_v1_t-1024x1024.npz")
    net = load("swin_v1_t", tmp_path)
    with torch.inference_mode():
        logits = net(fill.to_input(fill.image_u8("imgC", 1024, 1024, 1))).numpy()
    assert_close(logits[:, :, ::8, ::8], expected["logits_stride8"])
    for place in ("tl", "mid", "br", "odd"):
        row, column = expected[f"crop_{place}_rc"]
        assert_close(logits[:, :, row : row + 64, column : column + 64], expected[f"crop_{place}"])


#: Name in the vectors -> our module and which of what it gives.
STAGES = {
    "squeeze.dec_att.k3.dcn": "localization.squeeze.aspp.branches.2.conv",
    "squeeze.dec_att.out": "localization.squeeze.aspp",
    "p4_pre_gate": "reconstruction.stages.0.block",
    "p4_gated": "reconstruction.stages.0",
    "p3_gated": "reconstruction.stages.1",
    "p2_pre_gate": "reconstruction.stages.2.block",
    "ipt_blk2": "reconstruction.stages.3.inward",
    "dec1.dec_att.k7.dcn": "reconstruction.stages.3.block.aspp.branches.3.conv",
    "p1_pre_up": "reconstruction.stages.3",
    "ipt_blk1": "reconstruction.head.inward",
}


def test_stages(tmp_path: Path) -> None:
    expected = np.load(DATA / "stages-swin_v1_t-256x256-b2.npz")
    net = load("swin_v1_t", tmp_path)
    found: dict[str, torch.Tensor] = {}
    modules = dict(net.named_modules())
    for stage, module in STAGES.items():
        modules[module].register_forward_hook(lambda _, __, out, stage=stage: found.update({stage: out}))
    backbone: list[list[torch.Tensor]] = []
    net.localization.backbone.register_forward_hook(lambda _, __, out: backbone.append(out))
    with torch.inference_mode():
        net(fill.to_input(expected["image_u8"]))
    found |= {"bb_full_stage1": backbone[0][0], "bb_full_stage4": backbone[0][3], "bb_half_stage2": backbone[1][1]}
    for stage, value in found.items():
        step = expected[f"{stage}|idx"]
        part = value.numpy()[tuple(slice(None, None, int(s)) for s in step)][: len(expected[stage])]
        np.testing.assert_allclose(part, expected[stage], atol=2e-4, rtol=1e-4, err_msg=stage)
        np.testing.assert_allclose(value.mean(dim=(0, 2, 3)).numpy(), expected[f"{stage}|chan_mean"], atol=1e-4)


def test_training_mode_gives_every_supervised_map(tmp_path: Path) -> None:
    net = load("swin_v1_t-aux", tmp_path).train()
    out = net(torch.randn(2, 3, 128, 96, generator=torch.Generator().manual_seed(0)))
    assert [tuple(p.shape) for p in out.predictions] == [(2, 1, 4, 3), (2, 1, 8, 6), (2, 1, 16, 12), (2, 1, 128, 96)]
    assert [tuple(p.shape) for p in out.gradient_predictions] == [(2, 1, 4, 3), (2, 1, 8, 6), (2, 1, 16, 12)]
    assert all(label.shape == (2, 1, 128, 96) for label in out.gradient_labels)
    assert out.class_logits.shape == (2, 219)


def test_sides_must_be_multiples_of_32(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        load("swin_v1_t", tmp_path)(torch.zeros(1, 3, 100, 96))
