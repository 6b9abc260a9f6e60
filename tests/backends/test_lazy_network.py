"""A network is loaded only for those who need its weights; what else is asked of it is remembered."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from birefnet_video.model import BiRefNet
from stubs import our_threads
from wait import PATIENCE_S, until

from birefnet_video.backends import engine_table, registry
from birefnet_video.backends.cache import EngineCache, Note
from birefnet_video.backends.lazy_network import LazyNetwork, NetworkFacts
from birefnet_video.backends.registry import load_backend
from birefnet_video.errors import CheckpointError
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.loading import load_network

SIZE = (64, 96)


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return load_network("tiny")


def test_what_is_known_is_remembered_and_the_network_is_loaded_once(tiny: BiRefNet, tmp_path: Path) -> None:
    loads: list[str] = []

    def lazy() -> LazyNetwork:
        def load(device: str) -> BiRefNet:
            loads.append("again")
            return tiny

        note = Note(EngineCache(tmp_path), "networks", {"weights": "a"}, "facts.json")
        return LazyNetwork(load, judge=lambda net: "beware", note=note)

    first = lazy()
    assert loads == []
    assert first.facts == NetworkFacts("efficientnet_lite0", "current", "beware") and loads == ["again"]
    assert first.net is first.net is tiny and loads == ["again"]
    second = lazy()
    assert second.facts == first.facts and loads == ["again"]
    assert second.net is tiny and loads == ["again", "again"]


def test_a_network_that_was_taken_is_nobody_elses() -> None:
    loads: list[str] = []
    lazy = LazyNetwork(lambda device: loads.append("again") or load_network("tiny"), note=None)  # type: ignore[func-returns-value]
    taken = lazy.take()
    assert lazy.facts.backbone == "efficientnet_lite0" and loads == ["again"]
    assert lazy.net is not taken and loads == ["again"] * 2


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"backbone": "x"}', '{"backbone": 1, "note": "", "patch_order": ""}']
)
def test_a_damaged_note_is_none(text: str, tiny: BiRefNet, tmp_path: Path) -> None:
    note = Note(EngineCache(tmp_path), "networks", {}, "facts.json")
    note.write({})
    next(tmp_path.rglob("facts.json")).write_text(text)
    assert LazyNetwork(lambda device: tiny, note=note).facts.backbone == "efficientnet_lite0"
    assert LazyNetwork(lambda device: pytest.fail("it was loaded"), note=note).facts.patch_order == "current"


def test_who_asks_gets_what_loading_raises_each_time() -> None:
    def fail(device: str) -> BiRefNet:
        raise CheckpointError("no such file")

    lazy = LazyNetwork(fail, note=None)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="no such file"):
            _ = lazy.facts


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_a_graph_that_lies_ready_needs_no_network(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(engine if engine == "openvino" else "onnxscript")
    spec = BackendSpec(size=SIZE, device="cpu", engine=engine, precision="fp32")  # type: ignore[arg-type]
    load_backend(spec, 96, 64, cache=EngineCache(tmp_path)).close()
    monkeypatch.setattr(registry, "load_network", lambda model, order, device: pytest.fail("it was loaded"))
    load_backend(spec, 96, 64, cache=EngineCache(tmp_path)).close()
    monkeypatch.undo()
    # Another order of patches is another network.
    load_backend(evolve(spec, patch_order="legacy"), 96, 64, cache=EngineCache(tmp_path)).close()
    assert len([path for path in (tmp_path / engine).iterdir() if path.is_dir()]) == 2


def test_a_start_with_a_graph_that_lies_ready_imports_no_timm(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from birefnet_video.backends.cache import EngineCache\n"
        "from birefnet_video.backends.registry import load_backend\n"
        "from birefnet_video.options.network import BackendSpec\n"
        "import numpy\n"
        f"spec = BackendSpec(size={SIZE}, device='cpu', engine='openvino', precision='fp32')\n"
        f"backend = load_backend(spec, 96, 64, cache=EngineCache(Path({str(tmp_path)!r})))\n"
        f"backend.infer(numpy.zeros((1, *{SIZE}, 3), numpy.uint8))\n"
        "print([m for m in ('timm', 'torchvision', 'torch._dynamo') if m in sys.modules])"
    )
    ran = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "12"]
    assert ran[0].stdout.splitlines()[-1] != "[]" and ran[1].stdout.splitlines()[-1] == "[]"


def test_weights_that_cannot_be_read_are_said_by_who_loads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(weights_path("tiny").read_bytes()[:1000])

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    for _ in range(2):
        with pytest.raises(CheckpointError, match="cannot be read as weights"):
            load_backend(BackendSpec(model=str(damaged), device="cpu"), 96, 64, cache=EngineCache(tmp_path / "cache"))
        monkeypatch.setattr(registry, "hash_file", refuse)


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, *, tensorrt: bool = False) -> None:
    """A machine with a GPU that nobody may touch."""
    monkeypatch.setattr(registry, "pick_device", lambda wanted, tries=True: ("cuda", ""))
    monkeypatch.setattr(engine_table, "find_spec", lambda name: object() if tensorrt else None)


def test_a_network_is_loaded_while_a_gpu_gets_ready(
    tiny: BiRefNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_loading, is_ready = threading.Event(), threading.Event()

    def load(model: str, order: str, device: str) -> BiRefNet:
        is_loading.set()
        assert is_ready.wait(PATIENCE_S)
        return tiny

    on_a_gpu(monkeypatch)
    monkeypatch.setattr(registry, "load_network", load)
    network = registry._network_beside_device(BackendSpec(), EngineCache(tmp_path))
    # What the GPU takes its time for.
    assert network is not None and is_loading.wait(PATIENCE_S)
    is_ready.set()
    assert network.net is tiny
    until(lambda: our_threads() == [])


def test_what_goes_wrong_on_the_thread_is_raised_where_the_network_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: str, order: str, device: str) -> BiRefNet:
        raise CheckpointError("its keys do not fit")

    on_a_gpu(monkeypatch)
    monkeypatch.setattr(registry, "load_network", fail)
    network = registry._network_beside_device(BackendSpec(), EngineCache(tmp_path))
    assert network is not None
    until(lambda: our_threads() == [])
    with pytest.raises(CheckpointError, match="its keys do not fit"):
        _ = network.net


@pytest.mark.parametrize(("engine", "tensorrt"), [("auto", True), ("tensorrt", True), ("onnx", False)])
def test_no_network_is_loaded_beside_a_gpu_for_a_graph_that_may_lie_ready(
    engine: Any, tensorrt: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_gpu(monkeypatch, tensorrt=tensorrt)
    monkeypatch.setattr(registry, "load_network", lambda model, order, device: pytest.fail("it was loaded"))
    assert registry._network_beside_device(BackendSpec(engine=engine), EngineCache(tmp_path)) is None


def test_on_a_cpu_no_thread_loads_anything(tmp_path: Path) -> None:
    assert registry._network_beside_device(BackendSpec(device="cpu"), EngineCache(tmp_path)) is None
    assert our_threads() == []
