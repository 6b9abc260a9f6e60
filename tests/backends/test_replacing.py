"""An engine that is built beside a render takes over when it is ready and right."""

import os
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import numpy as np
import pytest
from specs import job_spec
from stubs import open_stub, our_threads
from wait import until

from birefnet_video.backends import build_beside, choosing, engine_table, registry
from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending
from birefnet_video.backends.build_beside import BuildBeside
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.equality import Change
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.replacing import ReplacingBackend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, NoNumbers, OutOfMemory
from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec

INFO = BackendInfo("slow", "stub", "cpu", "fp16", (32, 32), 4)
SUPPORT = Path(__file__).parents[1] / "support"
CLIP = Path(__file__).parents[1] / "data" / "clips" / "no_audio.mp4"
#: Batches after which the pace is known.
TOLD = 13


class Engine(StubBackend):
    """Adds something to every matte, or fails."""

    def __init__(self, name: str, change: float = 0.0, error: Exception | None = None) -> None:
        super().__init__(INFO)
        self.info = replace(INFO, name=name)
        self.change, self.error = change, error
        self.batches = 0
        self.closed = False

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        assert not self.closed
        self.batches += 1
        if self.error is not None:
            raise self.error
        return super().infer(rgb) + np.float32(self.change)

    def begin(self, rgb: np.ndarray) -> Pending:
        return lambda: self.infer(rgb)

    def close(self) -> None:
        self.closed = True


class Making:
    """An engine in the making, in the hands of a test."""

    name = "fast"

    def __init__(self) -> None:
        self.started = self.closed = False
        self.made: MattingBackend | BirefnetVideoError | None = None

    def start(self) -> None:
        assert not self.started
        self.started = True

    def take(self) -> MattingBackend | None:
        made, self.made = self.made, None
        if isinstance(made, BirefnetVideoError):
            raise made
        return made

    def close(self) -> None:
        self.closed = True


def frames(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


class Rendering:
    """A backend that may be replaced, and a clock that counts a second for every batch."""

    def __init__(self, *, frames: int = 10**6, after_s: float = 100.0) -> None:
        self.now_s, self.told = 0.0, list[str]()
        self.slow, self.making = Engine("slow"), Making()
        self.backend = ReplacingBackend(
            self.slow, self.making, self.told.append, frames=frames, after_s=after_s, clock=lambda: self.now_s
        )

    def run(self, batches: int) -> None:
        """Batches, one always on its way."""
        pending: list[tuple[int, Pending]] = []
        for seed in range(batches):
            self.now_s += 1
            pending.append((seed, self.backend.begin(frames(seed))))
            if len(pending) > 1:
                self.check(*pending.pop(0))
        self.check(*pending.pop())

    def check(self, seed: int, pending: Pending) -> None:
        assert np.allclose(pending(), StubBackend(INFO).infer(frames(seed)), atol=0.0015)


def test_what_is_built_takes_over_from_the_batch_after_it_was_compared() -> None:
    rendering = Rendering()
    rendering.run(TOLD)
    assert rendering.making.started and rendering.told == []
    rendering.run(5)
    fast = Engine("fast", change=0.001)
    rendering.making.made = fast
    rendering.run(3)
    assert rendering.slow.batches == TOLD + 5 + 1 and fast.batches == 3
    assert rendering.slow.closed and rendering.making.closed and not fast.closed
    assert rendering.told == [
        "fast: built beside the render, its mattes are the same: it goes on from frame 77 on, slow before"
    ]
    assert rendering.backend.info.name == "fast" and "from frame 77 on" in rendering.backend.info.describe()
    rendering.backend.close()
    assert fast.closed


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Engine("fast", change=0.01), "fast: built beside the render, but its alpha differs by 0.01000 in the mean"),
        (Engine("fast", change=float("nan")), "its alpha differs by nan in the mean"),
        (Engine("fast", error=OutOfMemory("out of memory")), "but it does not run: out of memory: slow does all"),
        (Engine("fast", error=NoNumbers("no numbers")), "but it does not run: no numbers: slow does all frames"),
        (Engine("fast", error=RuntimeError("CUDA error\nmore")), "but it does not run: CUDA error: slow does all"),
        (BackendUnavailable("fast: no converter", hint="none"), "fast: no converter: slow does all frames"),
    ],
)
def test_what_is_wrong_is_said_once_and_changes_nothing(made: Any, words: str) -> None:
    rendering = Rendering()
    rendering.run(TOLD)
    rendering.making.made = made
    rendering.run(20)
    assert len(rendering.told) == 1 and words in rendering.told[0]
    assert rendering.making.closed and not rendering.slow.closed and rendering.backend.info.name == "slow"
    assert not isinstance(made, Engine) or made.closed


def test_a_batch_that_fails_by_itself_leaves_what_was_built_for_the_next() -> None:
    rendering = Rendering()
    rendering.run(TOLD)
    rendering.making.made = fast = Engine("fast")
    rendering.slow.error = NoNumbers("no numbers")
    with pytest.raises(NoNumbers):
        rendering.backend.infer(frames(0))
    rendering.slow.error = None
    rendering.run(2)
    assert fast.batches == 2 and rendering.backend.info.name == "fast"


@pytest.mark.parametrize(("total", "starts"), [(4 * TOLD + 4 * 102, True), (4 * TOLD + 4 * 98, False), (40, False)])
def test_it_is_built_only_if_what_is_left_takes_longer(total: int, starts: bool) -> None:
    rendering = Rendering(frames=total, after_s=100.0)
    rendering.run(TOLD)
    assert rendering.making.started is starts
    rendering.run(200)
    assert rendering.making.started is starts


def test_the_end_of_the_render_ends_the_build() -> None:
    rendering = Rendering()
    rendering.run(TOLD)
    rendering.backend.close()
    assert rendering.making.closed and rendering.slow.closed
    # What came out of it and was not compared is closed, too.
    rendering = Rendering()
    rendering.run(TOLD)
    fast = Engine("fast")
    rendering.making.made, rendering.slow.error = fast, NoNumbers("none")
    with pytest.raises(NoNumbers):
        rendering.backend.infer(frames(0))
    rendering.backend.close()
    assert fast.closed


def test_what_may_be_apart_depends_on_the_precision() -> None:
    alpha = np.zeros((1, 100, 100), np.float32)
    assert Change.between(alpha, alpha + 0.001).is_within("fp16")
    assert not Change.between(alpha, alpha + 0.001).is_within("fp32")
    edge = alpha.copy()
    edge[0, 0, :11] = 0.03
    assert not Change.between(alpha, edge).is_within("fp16")


def beside(
    way: str, folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[str], **options: Callable[[], Any]
) -> BuildBeside:
    """A build by a process that stands in."""
    monkeypatch.setattr(build_beside, "_BUILDER", "builders")
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    monkeypatch.setenv(builders.WAY, way)
    options = {"open_built": lambda: Engine("fast"), **options}
    return BuildBeside("fast", {"cache": str(folder)}, EngineCache(folder), told.append, **options)


def nothing_is_left(folder: Path) -> bool:
    return our_threads() == [] and not list(folder.glob("*/building-*"))


def test_a_process_builds_and_what_it_built_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    build = beside("builds", tmp_path, monkeypatch, told)
    assert build.take() is None
    build.start()
    made = until(build.take)
    assert made.info.name == "fast" and (tmp_path / "better" / "engine").is_dir()
    process, session = map(int, (tmp_path / "better" / "engine" / "session").read_text().split())
    # An interrupt from the terminal is not for it.
    assert session == process != os.getsid(0)
    build.close()
    assert not made.closed and nothing_is_left(tmp_path)  # type: ignore[attr-defined]
    assert told == ["fast: building the engine beside the render, which takes minutes"]


@pytest.mark.parametrize(
    ("way", "options", "words"),
    [
        ("fails", {}, "fast: cannot be built beside the render: no converter for fold"),
        ("builds", {"has_room": lambda: False}, "fast: memory has no room to build it beside the render"),
        ("builds", {"open_built": lambda: 1 / 0}, "fast: does not start: division by zero"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    way: str, options: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = beside(way, tmp_path, monkeypatch, [], **options)
    build.start()
    with pytest.raises(BackendUnavailable, match=words):
        until(build.take)
    build.close()
    assert nothing_is_left(tmp_path)


def test_what_was_built_and_is_not_wanted_any_more_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = Engine("fast")
    build = beside("builds", tmp_path, monkeypatch, [], open_built=lambda: fast)
    build.start()
    until(lambda: our_threads() == [])
    build.close()
    build.close()
    assert fast.closed


def test_a_build_that_was_never_begun_can_be_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside("builds", tmp_path, monkeypatch, []).close()
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("cancels", [False, True], ids=["end", "ctrl-c"])
def test_a_job_that_ends_before_the_build_ends_it(
    cancels: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = beside("hangs", tmp_path / "cache", monkeypatch, [])

    def open_replaced(spec: BackendSpec, info: Any, tell: Callable[[str], None]) -> MattingBackend:
        stub = open_stub(delay_s=0.01 if cancels else 0.0, batch_size=1)(spec, info, tell)
        return ReplacingBackend(stub, build, tell, frames=10**9, after_s=0.0)

    job = Job(job_spec(CLIP, (OutputSpec("mask", tmp_path / "out.mkv"),)), open_backend=open_replaced)
    job.start()
    if cancels:
        until(lambda: list((tmp_path / "cache").glob("*/building-*")) or job.snapshot().state.is_end)
        job.cancel()
    assert job.wait() in ((JobState.CANCELLED, JobState.FINISHED) if cancels else (JobState.FINISHED,))
    assert nothing_is_left(tmp_path / "cache")
    assert build._process is None or build._process.poll() is not None


#: What torch-tensorrt would build: the graph itself.
FAKE = """
import contextlib, types, torch
__version__ = "0.0"
dynamo = types.SimpleNamespace(compile=lambda program, **options: program)
runtime = types.SimpleNamespace(enable_cudagraphs=contextlib.nullcontext)
def save(program, path, *, arg_inputs):
    torch.export.save(program, path)
"""


def with_tensorrt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose CPU has TensorRT, and renders that are long."""
    (folder / "torch_tensorrt.py").write_text(FAKE)
    monkeypatch.syspath_prepend(folder)
    # Put there and taken away: what is imported in its place goes with the test.
    monkeypatch.setitem(sys.modules, "torch_tensorrt", sys)
    del sys.modules["torch_tensorrt"]
    monkeypatch.setenv("PYTHONPATH", str(folder))
    row = replace(engine_table.ENGINES["tensorrt"], precisions={"cpu": ("fp32",)})
    monkeypatch.setitem(engine_table.ENGINES, "tensorrt", row)
    monkeypatch.setitem(engine_table.LADDER, "cpu", ("tensorrt", "eager"))
    monkeypatch.setattr(registry, "BUILD_AFTER_S", 0.0)


def test_a_render_goes_on_with_what_another_process_has_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_tensorrt(tmp_path, monkeypatch)
    told: list[str] = []
    spec = BackendSpec(size=(64, 96), device="cpu", precision="fp32", batch_size=2)
    cache = EngineCache(tmp_path / "cache")
    backend = load_backend(spec, 96, 64, frames=10**9, tell=told.append, cache=cache)
    rgb = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    expected = backend.infer(rgb)
    for _ in range(TOLD):
        backend.infer(rgb)
    assert backend.info.name == "eager"
    # It is opened on that thread, too.
    until(lambda: our_threads() == [])
    assert np.array_equal(backend.infer(rgb), expected) and backend.info.name == "tensorrt"
    assert np.abs(backend.infer(rgb) - expected).max() <= 1e-4
    backend.close()
    assert [text.split(",")[0] for text in told] == [
        "tensorrt: building the engine beside the render",
        "tensorrt: built beside the render",
    ]
    # The next start finds it.
    backend = load_backend(spec, 96, 64, frames=10**9, tell=told.append, cache=cache)
    assert backend.info.name == "tensorrt" and told[-1] == "tensorrt: the engine was built before"
    backend.close()
    assert our_threads() == []


@pytest.mark.parametrize(
    ("options", "count"),
    [({"build_beside": False}, 10**9), ({"engine": "eager"}, 10**9), ({"detail": "full"}, 10**9), ({}, None)],
    ids=["forbidden", "by name", "in tiles", "endless"],
)
def test_nothing_is_built_beside_what_has_no_use_for_it(
    options: Any, count: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tensorrt(tmp_path, monkeypatch)
    monkeypatch.setattr(registry, "_replaced_in_time", lambda *words: pytest.fail("it would be built"))
    spec = BackendSpec(size=(64, 96), device="cpu", precision="fp32", batch_size=1, **options)
    load_backend(spec, 96, 64, frames=count, cache=EngineCache(tmp_path / "cache")).close()
    assert our_threads() == []


def test_one_that_lies_ready_and_does_not_start_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_table, "find_spec", lambda name: object())
    asked: Any = types.SimpleNamespace(info=replace(INFO, name="cudagraph", device="cuda"))
    for is_built, expected in ((False, "tensorrt"), (True, None)):
        monkeypatch.setattr(choosing, "is_built", lambda *words, answer=is_built: answer)
        assert choosing.better_in_minutes(asked) == expected
