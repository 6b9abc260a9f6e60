"""Official files of every architecture load strictly, and what does not fit is named."""

from pathlib import Path

import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint, save_checkpoint
from birefnet_video.model.config import PRESETS, preset
from birefnet_video.model.official import is_derived, read_architecture, to_official, to_ours
from official import manifests, official_weights
from safetensors.torch import load_file, save_file

from birefnet_video.errors import CheckpointError

ARCHITECTURES = sorted(manifests())


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return official_weights("swin_v1_t")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architecture_is_read_from_keys_and_every_key_has_a_place(name: str) -> None:
    with torch.device("meta"):
        shapes = {key: torch.empty(shape) for key, shape, _ in manifests()[name]}
        config = read_architecture(shapes)
        assert config.backbone == name.removesuffix("-aux")
        own = BiRefNet(config).state_dict()
    ours = {to_ours(key, config.backbone): value for key, value in shapes.items() if not is_derived(key)}
    assert set(ours) == set(own)
    assert all(ours[key].shape == own[key].shape for key in own)
    assert {to_official(key, config.backbone) for key in own} == {key for key in shapes if not is_derived(key)}


def test_the_depth_of_a_swin_tells_a_deepened_one_from_the_official_one() -> None:
    for backbone in ("swin_v1_l", "swin_v1_l24"):
        with torch.device("meta"):
            own = BiRefNet(preset(backbone)).state_dict()
        assert read_architecture({to_official(key, backbone): value for key, value in own.items()}) == preset(backbone)


@pytest.mark.parametrize("architecture", ["swin_v1_t", "swin_v1_l"])
def test_round_trip_of_an_official_file(architecture: str, tmp_path: Path) -> None:
    official = official_weights(architecture)
    source, copy = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    save_file(official, source)
    save_checkpoint(load_checkpoint(source, patch_order="current"), copy)
    again = load_file(copy)
    assert set(again) == {key for key in official if not is_derived(key)}
    assert all(torch.equal(again[key], official[key]) for key in again)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_pth_with_wrapper_prefixes(prefix: str, weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({prefix + key: value for key, value in weights.items()}, tmp_path / "net.pth")
    net = load_checkpoint(tmp_path / "net.pth", patch_order="current")
    assert torch.equal(net.reconstruction.head.project.weight, weights["decoder.conv_out1.0.weight"])


def test_float16_file_gives_a_float32_network(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file({k: v.half() if v.is_floating_point() else v for k, v in weights.items()}, tmp_path / "half.safetensors")
    net = load_checkpoint(tmp_path / "half.safetensors", patch_order="current")
    assert all(p.dtype == torch.float32 for p in net.parameters())
    assert not net.training


def test_loading_draws_no_random_numbers(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(weights, tmp_path / "w.safetensors")
    state = torch.get_rng_state()
    net = load_checkpoint(tmp_path / "w.safetensors", patch_order="current")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(part.requires_grad and not part.is_meta for part in net.parameters())


def test_missing_and_unexpected_keys_are_all_named(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    broken = dict(weights)
    removed = ["decoder.lateral_block3.conv.bias", "bb.layers.1.blocks.0.norm1.weight"]
    for key in removed:
        del broken[key]
    broken["decoder.surprise.weight"] = torch.zeros(1)
    broken["decoder.conv_out1.0.bias"] = torch.zeros(3)
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "broken.safetensors")
    for name in (*removed, "decoder.surprise.weight", "decoder.conv_out1.0.bias", "broken.safetensors"):
        assert name in str(caught.value)


def test_a_file_from_before_may_2024_is_refused(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    old = {k: v for k, v in weights.items() if not k.startswith(("decoder.ipt_blk5", "decoder.gdt_convs_4"))}
    save_file(old, tmp_path / "old.safetensors")
    with pytest.raises(CheckpointError, match="before May 2024"):
        load_checkpoint(tmp_path / "old.safetensors")


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "text.pth").write_text("hello")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("text.safetensors", "text.pth", "other.safetensors", "list.pth", "missing.pth"):
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("the file ran code",)

    torch.save({"bb.x": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "trap.pth")


def test_every_preset_builds() -> None:
    with torch.device("meta"):
        for name in PRESETS:
            assert BiRefNet(preset(name)).config.backbone


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ValueError, match="swin_v9"):
        preset("swin_v9")
