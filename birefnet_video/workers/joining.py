"""A render whose segments are made by workers and joined here."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from birefnet_video.backends.base import BackendInfo
from birefnet_video.errors import UsageError
from birefnet_video.inputs.reader import Notify
from birefnet_video.outputs.cutting import cut_up
from birefnet_video.outputs.segmented import SegmentedWriter
from birefnet_video.outputs.segmented_pictures import SegmentedPictures
from birefnet_video.outputs.segments import try_path
from birefnet_video.outputs.sink import Sink, discarded_on_error
from birefnet_video.pipeline.line import Run
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.resuming import Resumption, find_resumption, why_not_shared
from birefnet_video.pipeline.runner import Runner, Stage
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.pipeline.stages import MatteGauge
from birefnet_video.pipeline.timeline import Timeline, decoded, listed
from birefnet_video.types import FrameMeta, Preview, Step
from birefnet_video.words import told_once
from birefnet_video.workers.crew import Crew
from birefnet_video.workers.made import MadeSegments
from birefnet_video.workers.tasks import Brief, Done, Task
from birefnet_video.workers.worker import Worker

#: Makes the workers of a render.
MakeWorkers = Callable[[Brief, Notify], Sequence[Worker]]


def open_joined(plan: Plan, notify: Notify, make_workers: MakeWorkers, *, on_cut: Callable[[FrameMeta], None]) -> Run:
    """Open the files of a plan and start its workers.

    Args:
        plan: of the render.
        notify: takes what a user should know.
        make_workers: makes the workers.
        on_cut: takes the first frame of every new shot, in order.

    Raises:
        UsageError: if it cannot be made in segments.
        BirefnetVideoError: whatever else stands in the way; nothing is left behind.
    """
    if (why := why_not_shared(plan)) is not None:
        raise UsageError(f"workers make segments, and this render has none: {why}")
    notify = told_once(notify)
    for note in plan.notes:
        notify(note)
    resumption = find_resumption(plan, notify, shared=True)
    notify(Step("listing all frames"))
    joining = Joining(
        plan=plan,
        notify=notify,
        make_workers=make_workers,
        resumption=resumption,
        timeline=_timeline(plan, resumption),
    )
    with discarded_on_error() as sinks:
        resumption.open_sinks(plan, notify, sinks)
        joining.sinks = sinks
        gauges = {lane: MatteGauge(keeps_means=plan.spec.writing.verify == "full") for lane in plan.lanes}
        joining.on_cut = resumption.restore([*gauges.values()], on_cut)
        notify(Step(f"loading the network {plan.spec.backend.model}"))
        try:
            joining.open()
        except BaseException:
            joining.close()
            raise
    stages = [Stage("render", lambda _: joining.render(), 64), Stage("join", joining.join)]
    return Run(
        info=plan.info,
        matting=joining,
        reader=joining,
        writers=sinks,
        lanes=[output.spec.lanes for output in plan.outputs],
        gauges=gauges,
        flicker=joining.flicker,
        tap=joining,
        runner=_CrewRunner(stages, joining),
        on_committed=resumption.finish,
        kept=resumption.kept,
        workers=lambda: joining.crew.snapshots() if joining.crew is not None else (),
        resumed=resumption.frames,
        skipped=resumption.frames,
    )


def _timeline(plan: Plan, resumption: Resumption) -> Timeline:
    done = [meta.pts for part in resumption.parts for meta in part.frames]
    found = listed(plan)
    if found is None or done != [meta.pts for meta in found.frames[: len(done)]]:
        found = decoded(plan)
    if found.frames:
        # Each worker reads a part of it.
        length = found.frames[-1].pts - found.frames[0].pts
        plan.info.limits.check_duration(plan.info.path, length * plan.info.time_base)
    return found


@dataclass(slots=True, kw_only=True)
class Joining:
    """Takes what a crew makes into the outputs. The crew is its network, and all frames have been read."""

    plan: Plan
    notify: Notify
    make_workers: MakeWorkers
    resumption: Resumption
    timeline: Timeline
    sinks: list[Sink] = field(default_factory=list)
    on_cut: Callable[[FrameMeta], None] = lambda frame: None
    damage: list[str] = field(default_factory=list)
    """See :class:`birefnet_video.pipeline.continuing.Reading`."""
    promised: int | None = None
    """The same."""
    crew: Crew | None = None
    made: MadeSegments = field(init=False)
    _info: BackendInfo | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_paused: bool = False
    _flicker: list[tuple[int, tuple[float, float]]] = field(default_factory=list)
    _told: int = 0
    """Frames that were told of."""
    _next: int = 0
    """The first one that was not handed on."""
    _number: int = 0
    """Of the segment that it begins."""

    def __post_init__(self) -> None:
        self._next, self._number = self.resumption.frames, self.resumption.keep
        self.made = MadeSegments(self.plan.outputs, self.plan.info.time_base)

    @property
    def info(self) -> BackendInfo:
        """What runs at the first worker."""
        assert self._info is not None  # opened
        return self._info

    @property
    def given(self) -> int:
        """See :class:`birefnet_video.pipeline.continuing.Reading`."""
        return len(self.timeline.frames)

    def open(self) -> None:
        """Start the workers."""
        workers = self.make_workers(Brief(self.plan, self.timeline), self.notify)
        crew = Crew(workers, self.notify, check=self.made.problem, drop=self.made.drop)
        with self._lock:
            self.crew = crew
            if self._is_paused:
                crew.pause()
        info = crew.open()
        self._info = replace(
            info, note="; ".join(filter(None, (f"{len(workers)} worker{'s' if len(workers) > 1 else ''}", info.note)))
        )

    def ask(self, width: int, height: int, zoom: int = 1, at: tuple[float, float] | None = None) -> Preview | None:
        """See :class:`birefnet_video.pipeline.preview.PreviewTap`."""
        return self.crew.preview(width, height, zoom, at) if self.crew is not None else None

    def render(self) -> Iterator[Done | None]:
        """A stage: frames that lie on the disk; see :meth:`Crew.run`."""
        try:
            yield from self._made()
        except NotAsListed:
            self.notify("frames are not what packets say: all are counted, and each worker decodes from the beginning")
            self.close()
            self.timeline = decoded(self.plan)
            self.open()
            # Some have been told of, which are made anew.
            surplus = self._told - (self._next - self.resumption.frames)
            for item in self._made():
                if item is not None or surplus <= 0:
                    yield item
                else:
                    surplus -= 1

    def _made(self) -> Iterator[Done | None]:
        assert self.crew is not None  # opened
        # Those that were made from the packets' word alone do not go with others.
        plain = self.timeline.is_plain
        ready = [done for done in self.made.ready() if done.parts[0].known["plain"] == plain]
        for item in self.crew.run(self._tasks(), ready):
            self._told += 1
            if item is not None:
                self._next, self._number = item.task.after, item.task.number + 1
            yield item

    def _tasks(self) -> Iterator[Task]:
        cut = self.resumption.plans[0]
        segments = cut_up(self.timeline.frames, cut.seconds, cut.lead, self._next)
        for number, (first, after) in enumerate(segments, self._number):
            yield Task(number, first, after)

    def join(self, made: Iterable[Done | None]) -> Iterator[int]:
        """A stage: takes segments into the outputs, and yields once for each frame."""
        for index, item in enumerate(made):
            if item is not None:
                self._adopt(item)
            yield index
        for sink in self.sinks:
            sink.finish()

    def _adopt(self, done: Done) -> None:
        gauges, lanes = self.resumption.gauges, done.parts[0].known["lanes"]
        for gauge, lane in zip(gauges, lanes, strict=True):
            gauge.absorb(tuple(lane["telling"]), lane["means"])
        known = {
            **done.parts[0].known,
            "lanes": [{**lane, "telling": gauge.telling} for gauge, lane in zip(gauges, lanes, strict=True)],
        }
        for sink, part in zip(self.sinks, done.parts, strict=True):
            assert isinstance(sink, SegmentedWriter | SegmentedPictures)  # of a render in segments
            sink.adopt(replace(part, known=known), try_path(sink.target, done.task.number, done.task.attempt))
        self.made.forget(done.task.number)
        for index in known["cuts"]:
            self.on_cut(done.parts[0].frames[index - done.task.first])
        self.damage += [finding for finding in done.damage if finding not in self.damage]
        if done.flicker is not None:
            self._flicker.append((done.task.frames, done.flicker))

    def flicker(self) -> tuple[float, float] | None:
        """Before and after smoothing, so far."""
        known = list(self._flicker)
        frames = sum(count for count, _ in known)
        if not frames:
            return None
        before, after = (sum(count * values[side] for count, values in known) / frames for side in (0, 1))
        return before, after

    def pause(self) -> None:
        """Have workers take no further frames, those that are begun anew meanwhile, too. From any thread."""
        with self._lock:
            self._is_paused = True
            if self.crew is not None:
                self.crew.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._lock:
            self._is_paused = False
            if self.crew is not None:
                self.crew.resume()

    def close(self) -> None:
        """End the workers. May be called twice."""
        if self.crew is not None:
            self.crew.close()


class _CrewRunner(Runner):
    """A :class:`Runner` whose first stage waits for others."""

    def __init__(self, stages: list[Stage], joining: Joining) -> None:
        super().__init__(stages)
        self._joining = joining

    def cancel(self) -> None:
        """See :class:`Runner`."""
        super().cancel()
        if self._joining.crew is not None:
            self._joining.crew.stop()

    def pause(self) -> None:
        """See :class:`Runner`; what workers have begun waits, too."""
        super().pause()
        self._joining.pause()

    def resume(self) -> None:
        """See :class:`Runner`."""
        super().resume()
        self._joining.resume()
