"""How long a render would take and how large its files would be, measured on short parts of it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from attrs import evolve

from birefnet_video.backends.base import Lent, MattingBackend
from birefnet_video.backends.registry import open_backend
from birefnet_video.bench import peak_mb
from birefnet_video.errors import NotAVideo, UsageError
from birefnet_video.events import JobCancelled, JobEvent, JobState
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.pipeline.plan import Plan
from birefnet_video.types import Step

#: Parts that are rendered, and the frames and seconds that each of them has at least: encoders begin a part with a
#: keyframe, and give the next one after half a second.
_PARTS, _LEAST_FRAMES, _LEAST_S = 3, 24, Fraction(1, 2)
#: Seconds after which a part is ended if it has as many frames.
_PATIENCE_S, _ENOUGH_FRAMES = 20.0, 4
#: How often that is looked at, in seconds.
_POLL_S = 0.05
#: By how much a clip may differ from its parts, at least.
_SLACK = 0.15


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate, and between what it most likely lies."""

    about: float
    least: float
    most: float

    def times(self, factor: float) -> "Range":
        """The same of so many."""
        return Range(self.about * factor, self.least * factor, self.most * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMeasured:
    """What rendering a part has shown."""

    frames: int
    first_s: float
    """Seconds until the first frame was composed, the network being open."""
    rest_s: float
    """Seconds from then on until all were written."""
    sizes: tuple[int, ...]
    """Bytes of the outputs, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is to be expected of a render."""

    frames: int | None
    """Of the render, if its length is known."""
    measured: int
    """Frames that were rendered for it."""
    loading_s: float
    """Seconds to load the network, measured."""
    frame_s: Range
    """Seconds a frame."""
    frame_bytes: tuple[Range, ...]
    """Bytes a frame of each output, sound included."""
    memory_mb: float
    """Largest memory of this process so far, in MiB; that of a GPU is not known."""

    @property
    def seconds(self) -> Range | None:
        """Of the rendering, after loading."""
        return None if self.frames is None else self.frame_s.times(self.frames)

    @property
    def sizes(self) -> tuple[Range, ...] | None:
        """Bytes of each output."""
        return None if self.frames is None else tuple(each.times(self.frames) for each in self.frame_bytes)


def estimate(plan: Plan, notify: Callable[[str], None], open_backend: OpenBackend = open_backend) -> Estimate:
    """Render short parts at three places into temporary files, as the plan says, and judge the rest by them.

    Takes at most about a minute after loading, unless single frames take longer than seconds.

    Args:
        plan: of the render.
        notify: takes what goes on.
        open_backend: loads the network.

    Raises:
        UsageError: if an output is standard output.
        BirefnetVideoError: whatever would end the render.
    """
    if any(output.spec.path == STDOUT for output in plan.outputs):
        raise UsageError("--estimate measures files, not standard output", hint="name a file in its place")
    notify(Step(f"loading the network {plan.spec.backend.model}"))
    began = time.monotonic()
    backend = open_backend(plan.spec.backend, plan.info, notify)
    loading_s = time.monotonic() - began
    try:
        kept = Lent(backend)
        parts = []
        spots = part_specs(plan)
        for number, part in enumerate(spots, 1):
            notify(Step(f"measuring part {number} of {len(spots)}"))
            # Where nothing new is shown for long there is nothing to measure.
            with suppress(NotAVideo):
                parts.append(_measured(part, kept))
        # The beginning has frames, or there are none.
        measured = parts or [_measured(_beginning(plan), kept)]
    finally:
        backend.close()
    return judged(measured, plan.info.frame_count, loading_s)


def part_specs(plan: Plan) -> list[JobSpec]:
    """The parts that are rendered: at a sixth, the middle and five sixths; all of a clip that is hardly longer."""
    info, length = plan.info, _length(plan)
    whole = None if info.duration_s is None else Fraction(info.duration_s).limit_denominator(1_000_000)
    if whole is None:
        spots = [Fraction(0)]
    elif whole <= _PARTS * length:
        spots, length = [Fraction(0)], whole
    else:
        spots = [whole * (2 * index + 1) / (2 * _PARTS) - length / 2 for index in range(_PARTS)]
    spec, read = _anybody(plan.spec), plan.spec.input
    return [evolve(spec, input=evolve(read, start=read.start + spot, duration=length, end=None)) for spot in spots]


def _length(plan: Plan) -> Fraction:
    return max(_LEAST_FRAMES / plan.info.frame_rate, _LEAST_S)


def _beginning(plan: Plan) -> JobSpec:
    return evolve(_anybody(plan.spec), input=evolve(plan.spec.input, duration=_length(plan), end=None))


def _anybody(spec: JobSpec) -> JobSpec:
    """Who is followed need not be seen in a part: whoever is costs as much."""
    if not spec.matte.is_guided:
        return spec
    return evolve(spec, matte=evolve(spec.matte, subject="auto", exclude=None, subjects=None, strict_subject=False))


def judged(parts: list[PartMeasured], frames: int | None, loading_s: float = 0.0) -> Estimate:
    """What parts tell of the whole.

    Args:
        parts: at least one.
        frames: of the whole, if that is known.
        loading_s: seconds that the network took to load.
    """
    count = sum(part.frames for part in parts)
    # When the first frame is composed, others are on their way: a frame takes no less than what the rest says. All
    # the time is too much: in the first part of it most threads wait.
    fast = sum(part.rest_s for part in parts) / count
    slow = sum(part.rest_s + part.first_s for part in parts) / count
    pace = Range(
        (fast + slow) / 2,
        min(part.rest_s / part.frames for part in parts) * (1 - _SLACK),
        max((part.rest_s + part.first_s) / part.frames for part in parts) * (1 + _SLACK),
    )
    sizes = []
    for index in range(len(parts[0].sizes)):
        each = [part.sizes[index] / part.frames for part in parts]
        mean = sum(part.sizes[index] for part in parts) / count
        sizes.append(Range(mean, min(min(each), mean * (1 - _SLACK)), max(max(each), mean * (1 + _SLACK))))
    return Estimate(
        frames=frames,
        measured=count,
        loading_s=loading_s,
        frame_s=pace,
        frame_bytes=tuple(sizes),
        memory_mb=peak_mb(),
    )


def room_left(path: Path) -> int | None:
    """Bytes that are free where an output is to lie; ``None`` if nobody knows."""
    try:
        return shutil.disk_usage(path.resolve().parent).free
    except OSError:
        return None


def _measured(part: JobSpec, backend: MattingBackend) -> PartMeasured:
    """Render a part into temporary files."""
    with _in_a_folder(part) as spec:
        return _watched(Job(spec, open_backend=lambda *_: backend))


def _watched(job: Job) -> PartMeasured:
    ends: list[JobEvent] = []
    job.subscribe(ends.append)
    job.start()
    began = time.monotonic()
    try:
        while not job.wait(_POLL_S).is_end:
            if time.monotonic() - began > _PATIENCE_S and job.snapshot().written >= _ENOUGH_FRAMES:
                job.cancel()
                break
        state = job.wait()
    except BaseException:
        job.cancel(keep=False)
        job.wait()
        raise
    snapshot = job.snapshot()
    if state is JobState.CANCELLED:
        kept = next(event.kept for event in ends if isinstance(event, JobCancelled))
        frames, rest_s = snapshot.written, snapshot.elapsed_s - snapshot.loading_s
    else:
        report = job.result()
        kept, frames, rest_s = report.outputs, report.frames, report.seconds
    return PartMeasured(
        frames=frames, first_s=snapshot.loading_s, rest_s=rest_s, sizes=tuple(_size(path) for path in kept)
    )


def _size(path: Path) -> int:
    """Of a file, or of all numbered pictures beside it."""
    if path.is_file():
        return path.stat().st_size
    folder = path if path.is_dir() else path.parent
    return sum(each.stat().st_size for each in folder.iterdir() if each.is_file())


@contextmanager
def _in_a_folder(spec: JobSpec) -> Iterator[JobSpec]:
    """The same render into temporary files, each in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="birefnet-video-") as name:
        outputs: list[OutputSpec] = []
        for index, output in enumerate(spec.outputs):
            folder = Path(name) / str(index)
            folder.mkdir()
            outputs.append(evolve(output, path=folder / output.path.name))
        yield evolve(spec, outputs=tuple(outputs))
