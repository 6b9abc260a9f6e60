"""The order of patches reaches whatever loads a network, is said once, and keeps built engines apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from old_order import as_old_file, write_without_order

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.engine import Request
from birefnet_video.backends.engines.graphs import key_of
from birefnet_video.backends.lazy_network import LazyNetwork
from birefnet_video.backends.registry import load_backend
from birefnet_video.cli import main
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import BackendSpec, NetworkSpec
from birefnet_video.pipeline.stills import StillMatting
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.loading import load_network

SIZE = (64, 96)


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return load_checkpoint(weights_path("tiny"), patch_order="current")


@pytest.fixture
def old(tiny: BiRefNet, tmp_path: Path) -> Path:
    """The bundled weights in a file as of before November 2024."""
    return write_without_order(as_old_file(tiny), tmp_path / "old.safetensors")


def matte(model: str, cache: Path, told: list[str], **options: Any) -> np.ndarray:
    spec = BackendSpec(model=model, size=SIZE, device="cpu", batch_size=1, **({"engine": "eager"} | options))
    backend = load_backend(spec, 96, 64, frames=1, cache=EngineCache(cache), tell=told.append)
    try:
        return backend.infer(np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), dtype=np.uint8))
    finally:
        backend.close()


def test_what_was_found_of_a_file_is_said_and_of_known_models_nothing(old: Path, tmp_path: Path) -> None:
    told: list[str] = []
    known = matte("tiny", tmp_path, told)
    matte(str(old), tmp_path, told, patch_order="current")
    assert told == []
    found = matte(str(old), tmp_path, told)
    assert len(told) == 1
    assert told[0].startswith("old.safetensors: patch order legacy (filters of neighbouring pixels are 0.00 more alike")
    assert np.array_equal(found, known)


def test_stills_of_several_sizes_say_it_once(old: Path) -> None:
    told: list[str] = []
    stills = StillMatting(NetworkSpec(model=str(old), device="cpu", engine="eager"), EditSpec(), tell=told.append)
    for size in ((64, 64), (64, 96)):
        stills._networks.of(*size)
    stills.close()
    assert len(told) == 1 and "patch order legacy" in told[0]


def test_an_order_that_is_asked_for_is_taken_even_for_a_known_model(tiny: BiRefNet, old: Path) -> None:
    convolutions = [
        load_network(model, order).reconstruction.patch_convolutions()[0].weight
        for model, order in ((str(old), "auto"), (str(old), "legacy"), (str(old), "current"), ("tiny", "legacy"))
    ]
    wanted = tiny.reconstruction.patch_convolutions()[0].weight
    assert [torch.equal(weight, wanted) for weight in convolutions] == [True, True, False, False]


def test_an_engine_that_was_built_for_one_order_is_not_taken_for_the_other(old: Path, tmp_path: Path) -> None:
    def key(order: Any) -> dict[str, str]:
        info = BackendInfo("openvino", "tiny", "cpu", "fp32", SIZE, 1)
        net = load_checkpoint(old, patch_order=order)
        network = LazyNetwork(lambda device: net, note=None)
        return key_of(Request(network, info, old, EngineCache(tmp_path), lambda message: None))

    assert key("auto") == key("legacy") != key("current")


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_a_built_engine_says_what_the_order_asked_for_does(engine: str, old: Path, tmp_path: Path) -> None:
    pytest.importorskip(engine if engine == "openvino" else "onnxscript")
    built = {
        order: matte(str(old), tmp_path / "cache", [], engine=engine, precision="fp32", patch_order=order)
        for order in ("legacy", "current")
    }
    plain = {
        order: matte(str(old), tmp_path / "cache", [], engine="eager", precision="fp32", patch_order=order)
        for order in ("legacy", "current")
    }
    apart = np.abs(plain["legacy"] - plain["current"]).max()
    assert all(np.abs(built[order] - plain[order]).max() < apart / 10 for order in plain)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_export_reads_a_file_in_the_order_asked_for_and_says_what_it_found(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "exported-program", "-m", str(old), "--size", "96x64", "--out"]
    assert run(*words, str(tmp_path / "found.pt2")) == 0
    assert "old.safetensors: patch order legacy (" in capsys.readouterr().err
    assert run(*words, str(tmp_path / "asked.pt2"), "--patch-order", "current") == 0
    assert "patch order" not in capsys.readouterr().err
