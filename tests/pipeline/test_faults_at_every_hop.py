"""A fault at every hop of a run: it ends with a state, an event, an exit code and joined threads, and no half file."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from specs import job_spec
from stubs import INFO, our_threads

from birefnet_video import execute
from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobCancelled, JobEvent, JobFailed, JobFinished, JobState
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.run import RunSpec

B = "birefnet_video"


class Planned(Exception):
    """Raised on purpose."""


class Faulty(StubBackend):
    """A network that fails in one of its calls."""

    def __init__(self, where: str) -> None:
        super().__init__(INFO)
        self.where, self.calls = where, 0

    def begin(self, rgb: np.ndarray) -> Callable[[], np.ndarray]:
        self.calls += 1
        if self.where == "begin" and self.calls == 2:
            raise Planned
        pending = super().begin(rgb)

        def collect() -> np.ndarray:
            if self.where == "collect" and self.calls == 2:
                raise Planned
            alpha = pending()
            if self.where == "nan" and self.calls == 2:
                alpha[0, 3, 3] = np.nan
            return alpha

        return collect

    def close(self) -> None:
        if self.where == "close":
            raise Planned


def failing(name: str, *, after: int = 0) -> Callable[[pytest.MonkeyPatch], None]:
    """Let a function or method raise from its call number ``after`` + 1 on."""

    def put(monkeypatch: pytest.MonkeyPatch) -> None:
        owner, _, attribute = name.rpartition(".")
        target: Any = pytest.importorskip(owner) if owner.rpartition(".")[2][0].islower() else _class(owner)
        usual, calls = getattr(target, attribute), [0]

        def fail(*arguments: Any, **options: Any) -> Any:
            calls[0] += 1
            if calls[0] > after:
                raise Planned(name)
            return usual(*arguments, **options)

        monkeypatch.setattr(target, attribute, fail)

    return put


def _class(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(pytest.importorskip(module), name)


#: What is broken -> how, and whether the run must fail.
HOPS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None] | str, bool]] = {
    "nothing": ("", False),
    "probe": (failing(f"{B}.pipeline.plan.probe"), True),
    "plan of the encoding": (failing(f"{B}.pipeline.plan.encoding_for"), True),
    "canvas": (failing(f"{B}.pipeline.plan.make_canvas"), True),
    "opening of the output": (failing(f"{B}.pipeline.resuming.open_sink"), True),
    "opening of the second output": (failing(f"{B}.pipeline.resuming.open_sink", after=1), True),
    "header": (failing(f"{B}.outputs.writer.Writer._refuse_unused_options"), True),
    "sound at the start": (failing(f"{B}.sound.tracks.Sound._add_audio"), True),
    "loading of the network": ("load", True),
    "compositor": (failing(f"{B}.pipeline.composing.Composing.on"), True),
    "opening of the input": (failing(f"{B}.inputs.reader.open_input"), True),
    "reader": (failing(f"{B}.inputs.reader.Reader._fit", after=5), True),
    "decoder": (failing(f"{B}.inputs.reader.integral", after=5), True),
    "prepare": (failing(f"{B}.pipeline.core.to_rgb", after=5), True),
    "network, begin": ("begin", True),
    "network, end": ("collect", True),
    "network, no number": ("nan", True),
    "motion": (failing(f"{B}.matting.temporal.motion.MotionEstimator.between", after=2), True),
    "smoothing": (failing(f"{B}.matting.temporal.smoothing._Pass.push", after=5), True),
    "edges": (failing(f"{B}.pipeline.compositor.refine", after=5), True),
    "edit": (failing(f"{B}.pipeline.compositor.edited", after=5), True),
    "colours": (failing(f"{B}.matting.colours.opencv.Retoucher.apply", after=5), True),
    "composing": (failing(f"{B}.matting.composite.opencv.alpha_samples", after=5), True),
    "gauge": (failing(f"{B}.pipeline.stages.MatteGauge.measure", after=5), True),
    "encoder": (failing(f"{B}.outputs.writer.Writer.write", after=5), True),
    "muxer": (failing(f"{B}.outputs.packets.PacketTimes.pass_on", after=5), True),
    "sound": (failing(f"{B}.sound.tracks.Sound.write_until", after=5), True),
    "end of the file": (failing(f"{B}.outputs.writer.Writer.finish"), True),
    "end of the sound": (failing(f"{B}.sound.tracks.Sound.finish"), True),
    "closing of the file": (failing(f"{B}.outputs.writer.complete"), True),
    "promise": (failing(f"{B}.pipeline.stages.MatteGauge.promise"), True),
    "verification": (failing(f"{B}.outputs.writer.verify"), True),
    "rename": (failing(f"{B}.outputs.writer.Writer.commit"), True),
    "advice": (failing(f"{B}.jobs.encoded_on_cpu"), True),
    "report": (failing(f"{B}.jobs.report_of"), True),
    "what is kept": (failing(f"{B}.outputs.writer.Writer.keep_partial"), False),
    "closing of the network": ("close", False),
    "preview": (failing(f"{B}.pipeline.preview._picture"), False),
    "observer": ("observer", False),
    "meter": (failing(f"{B}.pipeline.meters.StageMeter._remember", after=5), True),
    "start of the threads": (failing(f"{B}.pipeline.runner.Runner.start"), True),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=24, size=(320, 192), with_sound=True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = threading.active_count()
    yield
    assert our_threads() == [] and threading.active_count() <= before + 1


def run(
    clip: Path, folder: Path, hop: str, monkeypatch: pytest.MonkeyPatch, *, cancel: bool = False
) -> tuple[Job, list[JobEvent], int]:
    fault, _ = HOPS[hop]

    def load(*arguments: object) -> Faulty:
        if fault == "load":
            raise Planned
        return Faulty(fault if isinstance(fault, str) else "")

    outputs = OutputSpec("alpha", folder / "a.mov"), OutputSpec("mask", folder / "m.mkv")
    spec = job_spec(clip, outputs)
    job = Job(spec, open_backend=load)
    events: list[JobEvent] = []
    job.subscribe(events.append)
    if fault == "observer":
        job.subscribe(lambda event: (_ for _ in ()).throw(Planned))
    if not isinstance(fault, str):
        fault(monkeypatch)
    monkeypatch.setattr(execute, "stop_on_signals", lambda stop: [])
    if hop == "preview":
        asked = threading.Event()
        usual = job._found.notice

        def notice(message: str) -> None:
            usual(message)
            job.preview(40, 40)
            asked.set()

        monkeypatch.setattr(type(job._found), "notice", lambda found, message: notice(message))
    if cancel:
        job.subscribe(lambda event: job.cancel(keep=False) if type(event).__name__ == "JobStarted" else None)
    code = execute.watch_job(job, RunSpec(progress="none", quiet=True))
    return job, events, code


@pytest.mark.parametrize("hop", HOPS)
def test_a_fault_ends_the_run_and_nothing_else(
    hop: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: None
) -> None:
    job, events, code = run(clip, tmp_path, hop, monkeypatch)
    _, must_fail = HOPS[hop]
    ends = [event for event in events if isinstance(event, JobFinished | JobFailed | JobCancelled)]
    assert len(ends) == 1
    assert job.wait() is (JobState.FAILED if must_fail else JobState.FINISHED)
    assert isinstance(ends[0], JobFailed if must_fail else JobFinished)
    finals = {path.name for path in tmp_path.iterdir() if ".partial" not in path.name}
    if must_fail:
        assert code == (4 if hop == "network, no number" else 1)
        # Advice and report come after the names are given; all else before.
        assert finals == ({"a.mov", "m.mkv"} if hop in ("advice", "report") else set())
    else:
        assert code == 0 and finals == {"a.mov", "m.mkv"}
        assert {path.name for path in tmp_path.iterdir()} == finals


@pytest.mark.parametrize("fault", ["media.writer.Writer.discard", "jobs.Job._close", ""])
def test_a_cancelled_run_ends_though_nothing_can_be_removed(
    fault: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: None
) -> None:
    if fault:
        failing(f"{B}.{fault}")(monkeypatch)
    job, events, code = run(clip, tmp_path, "nothing", monkeypatch, cancel=True)
    assert job.wait() is JobState.CANCELLED and code == 130
    assert sum(isinstance(event, JobCancelled) for event in events) == 1
    assert {path.name for path in tmp_path.iterdir() if ".partial" not in path.name} == set()
