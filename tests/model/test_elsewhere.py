"""Networks that are loaded onto another device: nothing of them is made or left on the CPU, and they say the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from birefnet_video.model import BiRefNet, checkpoint, load_checkpoint, patch_order, save_checkpoint
from birefnet_video.model.config import PRESETS
from birefnet_video.model.export import prepare_network
from birefnet_video.model.patch_order import filters_object, find_patch_order
from birefnet_video.model.patch_pictures import Verdict
from official import official_weights
from old_order import as_old_file, write_without_order
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from birefnet_video.errors import CheckpointError
from birefnet_video.zoo.files import weights_path

#: The CPU by another name: what is done for another device is done, and can be compared.
OTHER = "cpu:0"
#: One of each kind: larger ones have more of the same modules.
ARCHITECTURES = ("tiny", "swin_v1_t", "pvt_v2_b0", "resnet50", "vgg16bn", "dino_v3_s", "dino_v3_s_plus")


class Made(TorchDispatchMode):
    """Notes the operators that make tensors of many numbers on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.large: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor) and each.device.type == "cpu" and each.numel() > 10_000:
                self.large.add(str(func))
        return made


def tensors_of(net: nn.Module) -> Iterator[torch.Tensor]:
    """All that a network holds, wherever its modules keep it."""
    for module in net.modules():
        yield from (each for each in tree_leaves(dict(vars(module))) if isinstance(each, torch.Tensor))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_of_a_network_is_made_or_left_elsewhere(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        weights = BiRefNet(PRESETS[architecture]).state_dict()
    said = (weights, PRESETS[architecture], None)
    monkeypatch.setattr(checkpoint, "_read", lambda path, mapped: said)
    net = load_checkpoint("a.safetensors", patch_order="legacy", device="meta")
    assert {each.device.type for each in tensors_of(net)} == {"meta"}
    fast = prepare_network(net, "fp16", device="meta", is_own=True)
    assert {each.device.type for each in tensors_of(fast)} == {"meta"}


def test_building_a_network_for_a_file_touches_no_memory_of_its_weights() -> None:
    with Made() as made, checkpoint._Unfilled():
        BiRefNet(PRESETS["swin_v1_t"])
    assert made.large <= {"aten.empty.memory_format", "aten.detach.default"}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled network in the legacy order, which only its weights show."""
    tiny = load_checkpoint(weights_path("tiny"), patch_order="current")
    return write_without_order(as_old_file(tiny), tmp_path_factory.mktemp("old") / "old.safetensors")


def is_same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    return official_weights("pvt_v2_b0")


def half(path: Path) -> Path:
    save_checkpoint(load_checkpoint(weights_path("tiny"), patch_order="current"), path, dtype=torch.float16)
    return path


def test_a_file_gives_the_same_network_on_another_device(old: Path, tmp_path: Path) -> None:
    for path in (weights_path("tiny"), old, half(tmp_path / "half.safetensors")):
        here, there = load_checkpoint(path), load_checkpoint(path, device=OTHER)
        assert here.patch_order == there.patch_order and is_same(here, there)
    assert is_same(*(prepare_network(net, "bf16", is_own=True) for net in (here, there)))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pth_gives_the_same_network_on_another_device(
    zipped: bool, official: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "net.pth"
    torch.save(official, path, _use_new_zipfile_serialization=zipped)
    here, there = (load_checkpoint(path, patch_order="current", device=device) for device in ("cpu", OTHER))
    assert is_same(here, there)
    (tmp_path / "text.pth").write_text("hello")
    for name in ("text.pth", "missing.pth"):
        with pytest.raises(CheckpointError, match=name):
            load_checkpoint(tmp_path / name, device=OTHER)


def test_pictures_are_asked_on_the_cpu_and_the_network_goes_back(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = load_checkpoint(old, patch_order="current")
    assert filters_object(net)
    moves, move = list[str](), net.to

    def to(device: Any) -> BiRefNet:
        moves.append(str(device))
        return move(device)

    monkeypatch.setattr(net, "to", to)
    # Filters of chance say nothing.
    for conv in net.reconstruction.patch_convolutions():
        nn.init.normal_(conv.weight, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    monkeypatch.setattr(
        patch_order, "ask_pictures", lambda *networks: moves.append("asked") or Verdict("legacy", "they do")
    )
    net.to(OTHER)
    there = next(net.parameters()).device
    assert find_patch_order(net).order == "legacy" and moves == [OTHER, "cpu", "asked", str(there)]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_device_without_room_is_no_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(value: torch.Tensor, *where: Any, **how: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.Tensor, "to", full)
    with pytest.raises(torch.OutOfMemoryError):
        load_checkpoint(weights_path("tiny"), device="cuda")
