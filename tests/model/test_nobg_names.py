"""Files of the nobg library give the network that the same weights give under official names."""

import re
from pathlib import Path

import fill
import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from birefnet_video.model.config import preset
from birefnet_video.model.nobg_names import from_nobg, is_nobg
from birefnet_video.model.official import is_derived, read_architecture, to_official
from official import DATA, manifests, official_weights
from safetensors.torch import save_file
from torch import Tensor

from birefnet_video.errors import CheckpointError

MAX_ERROR, RMS_ERROR = 2e-4, 2e-5

#: By age of transformers: where Swin lies; query, key, value; pairs of an official name inside a block and theirs.
SPELLINGS: dict[str, tuple[str, tuple[str, str, str], tuple[tuple[str, str], ...]]] = {
    "newer": (
        "bb.swin.",
        ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
        (
            ("attn.proj", "attention.o_proj"),
            ("attn.relative", "attention.relative_position_bias.relative"),
            ("norm1", "layernorm_before"),
            ("norm2", "layernorm_after"),
        ),
    ),
    "older": (
        "bb.",
        ("attention.self.query", "attention.self.key", "attention.self.value"),
        (
            ("attn.proj", "attention.output.dense"),
            ("attn.relative", "attention.self.relative"),
            ("norm1", "layernorm_before"),
            ("norm2", "layernorm_after"),
            ("mlp.fc1", "intermediate.dense"),
            ("mlp.fc2", "output.dense"),
        ),
    ),
}


def nobg_names(official: dict[str, Tensor], spelling: str = "newer") -> dict[str, Tensor]:
    """What the library saves of a network with these official weights."""
    root, thirds, inside = SPELLINGS[spelling]
    weights: dict[str, Tensor] = {}
    for key, value in official.items():
        if block := re.match(r"bb\.layers\.(\d\.blocks\.\d+\.)(.+)", key):
            prefix, name = f"{root}encoder.layers.{block.group(1)}", block.group(2)
            if name.startswith("attn.qkv."):
                for third, part in zip(thirds, value.chunk(3), strict=True):
                    weights[f"{prefix}{third}.{name.rpartition('.')[2]}"] = part.clone()
                continue
            for ours, theirs in inside:
                name = name.replace(ours, theirs)
            key = prefix + name
        elif key.startswith("bb."):
            key = re.sub(r"^bb\.layers\.", f"{root}encoder.layers.", key)
            key = re.sub(r"^bb\.norm(\d)", lambda m: f"bb.hidden_states_norms.stage{int(m[1]) + 1}", key)
            key = key.replace("bb.patch_embed.proj.", f"{root}embeddings.patch_embeddings.projection.")
            key = key.replace("bb.patch_embed.norm.", f"{root}embeddings.norm.")
        else:
            key = re.sub(r"\.ipt_blk(\d)", lambda m: f".ipt_blks.{5 - int(m[1])}", key)
            key = re.sub(r"\.(decoder|lateral)_block(\d)", lambda m: f".{m[1]}_blocks.{4 - int(m[2])}", key)
            key = re.sub(r"\.(conv_ms_spvn|gdt_convs\w*?)_(\d)", lambda m: f".{m[1]}.{4 - int(m[2])}", key)
        weights[key] = value
    if spelling == "newer":
        weights = {key: value for key, value in weights.items() if not is_derived(key)}
        width = official["bb.norm3.weight"].shape
        weights |= {f"bb.swin.layernorm.{kind}": torch.full(width, 7.0) for kind in ("weight", "bias")}
    return weights


def filled(backbone: str) -> dict[str, Tensor]:
    """Official weights by the recipe, also of an architecture that no official manifest has."""
    if backbone in manifests():
        return official_weights(backbone)
    with torch.device("meta"):
        own = BiRefNet(preset(backbone)).state_dict()
    names = {to_official(key, backbone): value.shape for key, value in own.items()}
    values = {name: fill.value(name, shape) for name, shape in names.items()}
    return {name: torch.tensor(0) if value is None else torch.from_numpy(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    return official_weights("swin_v1_t")


def loaded(weights: dict[str, Tensor], folder: Path) -> BiRefNet:
    path = folder / "nobg.safetensors"
    save_file(weights, path)
    return load_checkpoint(path, patch_order="current")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_both_spellings_give_the_network_of_the_official_names(
    spelling: str, official: dict[str, Tensor], tmp_path: Path
) -> None:
    theirs = nobg_names(official, spelling)
    assert len(set(theirs) & set(official)) < len(official) / 4
    found = loaded(theirs, tmp_path)
    expected = loaded(official, tmp_path)
    assert found.config == expected.config
    weights = expected.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in found.state_dict().items())


@pytest.mark.parametrize("backbone", ["swin_v1_t", pytest.param("swin_v1_l24", marks=pytest.mark.slow)])
def test_logits_are_those_of_the_library(backbone: str, tmp_path: Path) -> None:
    expected = np.load(DATA / f"nobg-{backbone}-64x96.npz")
    net = loaded(nobg_names(filled(backbone)), tmp_path)
    with torch.inference_mode():
        error = net(fill.to_input(expected["image_u8"])).numpy().astype(np.float64) - expected["logits"]
    assert np.abs(error).max() <= MAX_ERROR
    assert np.sqrt((error**2).mean()) <= RMS_ERROR


def test_the_deepened_swin_is_recognised() -> None:
    with torch.device("meta"):
        own = BiRefNet(preset("swin_v1_l24")).state_dict()
        theirs = nobg_names({to_official(key, "swin_v1_l24"): value for key, value in own.items()})
        assert read_architecture(from_nobg(theirs)) == preset("swin_v1_l24")


@pytest.mark.parametrize("architecture", sorted(manifests()))
def test_official_names_are_not_taken_for_the_librarys(architecture: str) -> None:
    assert not is_nobg(key for key, _, _ in manifests()[architecture])


def test_missing_and_unexpected_keys_are_named(official: dict[str, Tensor], tmp_path: Path) -> None:
    theirs = nobg_names(official)
    del theirs["bb.swin.encoder.layers.1.blocks.0.layernorm_before.weight"]
    del theirs["decoder.lateral_blocks.1.conv.bias"]
    theirs["bb.swin.surprise"] = torch.zeros(1)
    theirs["decoder.surprise.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        loaded(theirs, tmp_path)
    missing = ("bb.layers.1.blocks.0.norm1.weight", "decoder.lateral_block3.conv.bias")
    for name in (*missing, "surprise", "decoder.surprise.weight", "nobg.safetensors", "nobg library's names"):
        assert name in str(caught.value)


def test_queries_keys_and_values_that_do_not_fit_are_named(official: dict[str, Tensor]) -> None:
    theirs = nobg_names(official)
    root = "bb.swin.encoder.layers.0.blocks.1.attention."
    removed = [root + "q_proj.weight", root + "k_proj.bias", root + "v_proj.bias"]
    for key in removed:
        del theirs[key]
    with pytest.raises(CheckpointError) as caught:
        from_nobg(theirs)
    assert all(f"{key} is missing" in str(caught.value) for key in removed)
    theirs = nobg_names(official)
    theirs[root + "v_proj.weight"] = torch.zeros(96, 48)
    with pytest.raises(CheckpointError, match=r"v_proj\.weight is \(96, 48\)"):
        from_nobg(theirs)


def test_an_entry_in_two_layouts_is_refused(official: dict[str, Tensor]) -> None:
    theirs = nobg_names(official)
    for key in ("decoder.ipt_blk5.conv1.weight", "bb.layers.0.blocks.0.attn.qkv.weight"):
        with pytest.raises(CheckpointError, match=f"{re.escape(key)}.* are the same entry in two layouts"):
            from_nobg(theirs | {key: official[key]})


@pytest.mark.parametrize("option", ["use_image_patch_injection", "use_gradient_attention"])
def test_a_network_without_a_reference_is_refused_with_the_reason(option: str, official: dict[str, Tensor]) -> None:
    part = "decoder.ipt_blks." if option == "use_image_patch_injection" else "decoder.gdt_convs"
    theirs = {key: value for key, value in nobg_names(official).items() if not key.startswith(part)}
    with pytest.raises(CheckpointError, match=f"{option}=False"):
        from_nobg(theirs)


def test_a_network_of_another_number_of_stages_is_refused(official: dict[str, Tensor]) -> None:
    theirs = nobg_names(official) | {"decoder.decoder_blocks.4.conv_in.bias": torch.zeros(64)}
    with pytest.raises(CheckpointError, match="5 decoder blocks"):
        from_nobg(theirs)
