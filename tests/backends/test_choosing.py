"""What the choice of an engine and of a batch remembers."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from stubs import INFO

from birefnet_video import bench
from birefnet_video.backends import registry
from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.batch_memory import BatchMemory
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.devices import pick_device
from birefnet_video.backends.engine import Request
from birefnet_video.backends.lazy_network import LazyNetwork
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.loading import load_network


def test_what_lies_ready_is_taken_for_a_short_clip(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    cache = EngineCache(tmp_path)
    spec = BackendSpec(size=(64, 64), precision="fp32")
    first = load_backend(spec, 64, 64, frames=5, cache=cache)
    assert first.info.name == "eager" and "openvino must be built first" in first.info.note
    first.close()
    load_backend(evolve(spec, engine="openvino"), 64, 64, frames=5, cache=cache).close()
    second = load_backend(spec, 64, 64, frames=5, cache=cache)
    assert second.info.name == "openvino" and "built first" not in second.info.note
    second.close()


def test_an_engine_for_more_frames_is_opened_beside_only_if_it_lies_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    info = BackendInfo("openvino", "tiny", "cpu", "fp32", (64, 64), 2)
    net = load_network("tiny")

    def ask(info: BackendInfo) -> Request:
        network = LazyNetwork(lambda device: deepcopy(net), note=None)
        return Request(network, info, weights_path("tiny"), EngineCache(tmp_path), lambda message: None)

    reopening = registry._Reopening(ask, info)
    assert reopening.more(2) is None
    for backend in (reopening.fewer(2), reopening.more(2)):
        assert backend is not None and backend.info.batch_size == 2
        backend.close()

    def fail(request: Request) -> None:
        raise BackendUnavailable("openvino: no room")

    monkeypatch.setattr("birefnet_video.backends.engines.openvino.prepare", fail)
    assert reopening.more(2) is None


def test_the_fastest_batch_is_remembered(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    memory = BatchMemory(cache, {"device": "a"})
    assert memory.recall(8) is None
    told: list[str] = []
    frames = np.zeros((4, *INFO.input_size, 3), np.uint8)
    backend = AdaptiveBackend(StubBackend(INFO), told.append, measures=True, memory=memory)
    for _ in range(12):
        backend.infer(frames)
    found = memory.recall(4)
    assert found in (1, 2, 4) and len(told) == 1
    again = AdaptiveBackend(StubBackend(INFO), told.append, measures=True, memory=BatchMemory(cache, {"device": "a"}))
    assert again.infer(frames).shape[0] == 4 and len(told) == 1
    assert again.info.note == f"batch {found} measured before"
    # What is known counts for a clip that is too short for trials, too.
    short = AdaptiveBackend(StubBackend(INFO), told.append, measures=False, memory=BatchMemory(cache, {"device": "a"}))
    assert short.info.note == f"batch {found} measured before"
    # Another machine, or less room, is another question.
    assert BatchMemory(cache, {"device": "b"}).recall(8) is None
    memory.keep(4)
    assert memory.recall(2) is None


@pytest.mark.parametrize("text", ["", "{}", '{"batch": "x"}', '{"batch": 0}', "[1]"])
def test_a_damaged_note_is_none(text: str, tmp_path: Path) -> None:
    memory = BatchMemory(EngineCache(tmp_path), {"device": "a"})
    memory.keep(2)
    (path,) = tmp_path.rglob("batch.json")
    path.write_text(text)
    assert memory.recall(8) is None


def test_float32_is_float32_for_whoever_asks_for_a_device() -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    pick_device("cpu")
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_a_gpu_on_which_nothing_can_be_computed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch sees one and cannot use it, as with a driver that is too old. There is none in truth, or none is touched.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def ones(*size: int, device: str) -> torch.Tensor:
        if device != "cpu":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")
        return torch.zeros(size) + 1

    monkeypatch.setattr(torch, "ones", ones)
    device, why = pick_device("auto")
    assert device == "cpu" and why == (
        "cuda: torch does not compute there: CUDA error: no kernel image is available for execution on the device"
    )
    assert pick_device("cpu") == ("cpu", "")
    assert pick_device("auto", tries=False) == ("cuda", "")
    with pytest.raises(BackendUnavailable, match="cuda:0: torch does not compute there: CUDA error: no kernel"):
        pick_device("cuda:0")


def test_figures_of_a_gpu_that_is_not_in_use_are_not_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    reset: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    bench._reset_gpu_peak()
    assert reset == []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    bench._reset_gpu_peak()
    assert reset == [0]
