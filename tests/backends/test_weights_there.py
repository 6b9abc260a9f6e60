"""Who has a network's weights loaded where, and what becomes of it when they do not fit there."""

import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet
from stubs import our_threads
from wait import PATIENCE_S, until

from birefnet_video.backends import choosing, registry, room
from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.engine import Request
from birefnet_video.backends.engine_table import ENGINES
from birefnet_video.backends.engines import eager, graphs
from birefnet_video.backends.lazy_network import LazyNetwork, NetworkFacts
from birefnet_video.errors import BackendUnavailable, CheckpointError
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.loading import load_network

SIZE = (64, 96)


class Loader:
    """Notes where a network is wanted, and has no file."""

    def __init__(self) -> None:
        self.devices: list[str] = []

    def __call__(self, device: str) -> BiRefNet:
        self.devices.append(device)
        raise CheckpointError("there is no file")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with GPUs, as far as a network is loaded."""
    monkeypatch.setattr(choosing, "_current", lambda device: nullcontext())
    monkeypatch.setattr(eager, "why_no_kernel", lambda device: None)
    monkeypatch.setattr(registry, "pick_device", lambda wanted, tries=True: (wanted, ""))


def asked(engine: str, device: str, load: Any, folder: Path, told: list[str] | None = None) -> Request:
    network = LazyNetwork(load, note=None)
    network._facts = NetworkFacts("efficientnet_lite0", "current", "")
    info = BackendInfo(engine, "tiny", device, "fp32", SIZE, 8)
    tell = (lambda text: None) if told is None else told.append
    return Request(network, info, weights_path("tiny"), EngineCache(folder), tell)


@pytest.mark.parametrize(
    ("engine", "device", "place"),
    [
        ("eager", "cpu", "cpu"),
        ("eager", "cuda", "cuda"),
        ("eager", "cuda:1", "cuda:1"),
        ("eager", "mps", "cpu"),
        ("cudagraph", "cuda:1", "cuda:1"),
        ("compile", "cpu", "cpu"),
        ("compile", "cuda", "cuda"),
        ("onnx", "cpu", "cpu"),
        ("onnx", "cuda", "cpu"),
        ("openvino", "cpu", "cpu"),
        ("tensorrt", "cuda:1", "cpu"),
    ],
)
def test_engines_that_run_modules_have_them_loaded_onto_their_gpu(
    engine: str, device: str, place: str, gpu: None, tmp_path: Path
) -> None:
    load = Loader()
    request = asked(engine, device, load, tmp_path)
    with pytest.raises(CheckpointError, match="there is no file"):
        if ENGINES[engine].runs_modules:
            choosing.prepare(request, engine, 8)
        else:
            graphs.export(request)
    assert load.devices == [place]


def test_another_gpu_has_the_network_loaded_for_itself(gpu: None, tmp_path: Path) -> None:
    load = Loader()
    for engine in ("eager", "compile"):
        reopening = registry._Reopening(lambda info: asked(info.name, info.device, load, tmp_path), info_of(engine))
        with pytest.raises(CheckpointError):
            reopening.fewer(2)
    assert load.devices == ["cuda:1", "cuda:1"]


def info_of(engine: str) -> BackendInfo:
    return BackendInfo(engine, "tiny", "cuda:1", "fp32", SIZE, 4)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_what_is_loaded_beside_a_gpu_that_gets_ready_is_loaded_onto_it(
    device: str, gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, is_up = list[str](), threading.Event()

    def load(model: str, order: str, place: str) -> BiRefNet:
        places.append(place)
        # Whoever asks meanwhile waits for it.
        assert is_up.wait(PATIENCE_S)
        return load_network(model)

    monkeypatch.setattr(registry, "load_network", load)
    network = registry._network_beside_device(BackendSpec(device=device, engine="cudagraph"), EngineCache(tmp_path))
    assert network is not None
    until(lambda: places == [device])
    is_up.set()
    assert network.facts.backbone == "efficientnet_lite0" and places == [device]
    until(lambda: our_threads() == [])


class Moving(torch.nn.Module):
    """A network that says where it is sent."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.config, self.patch_order = SimpleNamespace(backbone="swin_v1_t"), None
        self.moves: list[str] = []
        self.error = error

    def to(self, *args: Any, **kwargs: Any) -> Any:
        self.moves.append(str(args[0]))
        if self.error is not None:
            raise self.error
        return self


def test_facts_are_found_where_the_network_is_wanted_and_it_moves_if_it_lies_elsewhere() -> None:
    nets, places = [Moving(), Moving()], list[str]()

    def load(device: str) -> Any:
        places.append(device)
        return nets[len(places) - 1]

    taken = LazyNetwork(load, note=None)
    assert taken.take("cuda:1") is nets[0] and places == ["cuda:1"]
    assert taken.facts.backbone == "swin_v1_t" and places == ["cuda:1"]
    early = LazyNetwork(load, note=None)
    assert early.facts.patch_order == "current" and places[1:] == ["cpu"]
    assert early.take("cuda:1") is nets[1] and nets[1].moves == ["cuda:1"] and len(places) == 2


def test_a_network_that_has_moved_in_part_is_loaded_anew() -> None:
    half = Moving(torch.OutOfMemoryError("CUDA out of memory"))
    nets: list[Any] = [Moving(), half]
    lazy = LazyNetwork(lambda device: nets.pop(), note=None)
    lazy.prefetch()
    with pytest.raises(torch.OutOfMemoryError):
        lazy.take("cuda")
    assert half.moves == ["cuda"] and lazy.take("cuda") is not half and nets == []


@pytest.mark.parametrize("batch_size", [None, 8])
def test_memory_that_runs_out_while_weights_go_up_is_told_as_that(
    batch_size: int | None, gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, loads = list[str](), list[str]()

    def load(device: str) -> BiRefNet:
        loads.append(device)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB\nmore")

    monkeypatch.setattr(choosing, "most_at_once", lambda *asked: 8)
    request = asked("eager", "cuda", load, tmp_path, told)
    # Beside the GPU that gets ready, too: who asks gets the error.
    request.network.prefetch("cuda")
    with pytest.raises(BackendUnavailable, match=r"^eager: does not start: CUDA out of memory") as caught:
        choosing.prepare(request, "eager", batch_size)
    assert "\n" not in str(caught.value) and set(loads) == {"cuda"}
    halvings = [f"eager: out of memory with {n} frames at once: going on with {n // 2}" for n in (8, 4, 2)]
    assert told == (halvings if batch_size is None else [])


def test_weights_that_lie_on_a_gpu_are_not_counted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = LazyNetwork(lambda device: load_network("tiny").to(device), note=None)
    there.prefetch("meta")
    weights = there.bytes_on("meta:0")
    assert weights == sum(each.nbytes for each in load_network("tiny").state_dict().values())
    assert there.bytes_on("cuda") == 0 and there.bytes_on("cpu") == 0
    monkeypatch.setattr(there, "bytes_on", lambda device: weights)
    request = replace(asked("eager", "cuda", Loader(), tmp_path), network=there)
    each = SIZE[0] * SIZE[1] * room.bytes_a_pixel("efficientnet_lite0", "fp32")
    free = int(8 * each / (1 - room.COMPOSING_SHARE)) + 8
    monkeypatch.setattr(room, "free_bytes", lambda device: free)
    alone = replace(request, network=asked("eager", "cuda", Loader(), tmp_path).network)
    assert room.most_at_once(alone, "eager", "fp32") == 8
    monkeypatch.setattr(room, "free_bytes", lambda device: free - weights)
    assert room.most_at_once(alone, "eager", "fp32") < 8 == room.most_at_once(request, "eager", "fp32")


def broken(wanted: str, tries: bool = True) -> tuple[str, str]:
    """A GPU that torch sees, and on which it computes nothing."""
    if not tries:
        return "cuda", ""
    reason = "cuda: torch does not compute there: CUDA error: no kernel image is available"
    if wanted == "auto":
        return "cpu", reason
    raise BackendUnavailable(reason, hint="use --device cpu")


def test_an_error_of_the_device_reaches_the_user_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str, order: str, device: str) -> BiRefNet:
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(registry, "pick_device", broken)
    monkeypatch.setattr(registry, "load_network", load)
    with pytest.raises(BackendUnavailable) as caught:
        registry.load_backend(BackendSpec(device="cuda", engine="eager"), 96, 64, cache=EngineCache(tmp_path))
    assert "\n" not in str(caught.value) and "does not compute there" in str(caught.value)
    until(lambda: our_threads() == [])


@pytest.mark.parametrize("copies", [True, False])
def test_weights_on_a_gpu_that_computes_nothing_come_back(
    copies: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[str] = []

    def load(model: str, order: str, device: str) -> BiRefNet:
        places.append(device)
        if device != "cpu" and not copies:
            raise RuntimeError("CUDA error: no kernel image is available")
        return load_network(model)

    monkeypatch.setattr(registry, "pick_device", broken)
    monkeypatch.setattr(registry, "load_network", load)
    # Whatever else is installed on the machine.
    monkeypatch.setattr(registry, "is_installed", lambda name: ENGINES[name].runs_modules)
    backend = registry.load_backend(BackendSpec(size=SIZE), 96, 64, frames=2, cache=EngineCache(tmp_path))
    assert backend.info.device == "cpu" and "does not compute there" in backend.info.note
    assert backend.infer(np.zeros((1, *SIZE, 3), np.uint8)).shape == (1, *SIZE)
    assert places == (["cuda"] if copies else ["cuda", "cpu"])
    backend.close()
