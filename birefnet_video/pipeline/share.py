"""One segment of a render, made apart from the others: a :class:`birefnet_video.pipeline.stretch.Stretch`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from birefnet_video.inputs.reader import Notify, Reader
from birefnet_video.outputs.packets import apart
from birefnet_video.outputs.part_sink import PartPictures, PartSink, Surroundings
from birefnet_video.outputs.parts import PartWriter
from birefnet_video.outputs.segments import Part, try_path
from birefnet_video.outputs.sink import Sink
from birefnet_video.pipeline.continuing import Continuation, FrameSource, MakeReader
from birefnet_video.pipeline.plan import Plan, PlannedOutput
from birefnet_video.pipeline.sinks import numbered
from birefnet_video.pipeline.stages import MatteGauge
from birefnet_video.pipeline.timeline import Timeline
from birefnet_video.types import Cut, Frame, FrameMeta, Matte

T = TypeVar("T")


class NotAsListed(Exception):
    """What is read is not what packets have said: it has other times, or something had to be mended."""


@dataclass(slots=True, kw_only=True)
class Share:
    """The frames from ``first`` to before ``after``, as a run of the whole would make them."""

    number: int
    """Of the segment."""
    attempt: int
    """Which time it is made."""
    first: int
    after: int
    timeline: Timeline
    reach: tuple[int, int]
    """Frames before and behind it that its mattes depend on."""
    told: Callable[[int], None] = lambda frames: None
    """Takes how many more frames lie in the first output's file."""
    sinks: list[PartSink | PartPictures] = field(default_factory=list)
    gauges: list[MatteGauge] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    source: "_Expected | None" = None
    """Of the frames, once it is open."""

    @property
    def frames(self) -> int:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        return self.first

    @property
    def began_s(self) -> float | None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        return self.timeline.frames[0].time_s

    @property
    def memory(self) -> None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`: who is followed is not shared."""
        return

    def open_sinks(self, plan: Plan, notify: Notify, opened: list[Sink]) -> None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        for output in plan.outputs:
            sink = self._sink(plan, output)
            opened.append(sink)
            self.sinks.append(sink)

    def begin(self, batch_size: int) -> int:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        return max(0, self.first - self.reach[0]) // batch_size * batch_size

    def reader(self, make: MakeReader, cut: Cut | None, batch_size: int) -> FrameSource:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        begin, frames = self.begin(batch_size), self.timeline.frames
        end = min(len(frames), -(-(self.after + self.reach[1]) // batch_size) * batch_size)
        source: Reader | Continuation = make(cut=cut)
        if begin:
            source = Continuation(make, cut, frames[:begin], begin, may_seek=self.timeline.is_plain)
        is_last = end == len(frames)
        self.source = _Expected(source, frames[begin:end], is_last=is_last, is_plain=self.timeline.is_plain)
        return self.source

    def restore(self, gauges: Sequence[MatteGauge], on_cut: Callable[[FrameMeta], None]) -> Callable[[FrameMeta], None]:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        self.gauges = list(gauges)

        def note(frame: FrameMeta) -> None:
            if self.first <= frame.index < self.after:
                self.cuts.append(frame.index)
                on_cut(frame)

        return note

    def before(
        self, stage: Callable[[Iterable[list[Matte]]], Iterator[T]]
    ) -> Callable[[Iterable[list[Matte]]], Iterator[T]]:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        return lambda batches: stage(self._own(batches))

    def finish(self) -> None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""

    def kept(self) -> int | None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        return None

    def parts(self) -> list[Part]:
        """What has been made, one for each output, once all sinks are finished."""
        known = {"lanes": [_lane(gauge) for gauge in self.gauges], "cuts": self.cuts, "plain": self.timeline.is_plain}
        return [Part(frames=tuple(sink.metas), written=sink.written, known=known) for sink in self.sinks]

    def _own(self, batches: Iterable[list[Matte]]) -> Iterator[list[Matte]]:
        for batch in batches:
            if own := [matte for matte in batch if self.first <= matte.frame.meta.index < self.after]:
                yield own

    def _sink(self, plan: Plan, output: PlannedOutput) -> PartSink | PartPictures:
        target, encoding, canvas = output.spec.path, output.encoding, output.canvas
        size, frames = (canvas.width, canvas.height), self.timeline.frames
        place = try_path(target, self.number, self.attempt)
        around = Surroundings(
            before=_moved(frames[: self.first], encoding.container),
            after=frames[self.after] if self.after < len(frames) else None,
            told=self.told if not self.sinks else lambda count: None,
        )
        if encoding.container == "image2":
            return PartPictures(numbered(output, plan.info, plan.cut), place, around)
        part = PartWriter(place, target, encoding, plan.info, canvas.pixel_format, size)
        return PartSink(target, encoding, part, around)


class _Expected:
    """A :class:`FrameSource` of known frames."""

    def __init__(
        self, source: Reader | Continuation, frames: Sequence[FrameMeta], *, is_last: bool, is_plain: bool
    ) -> None:
        self._source, self._frames, self._is_last, self._is_plain = source, frames, is_last, is_plain

    @property
    def damage(self) -> list[str]:
        """See :class:`FrameSource`."""
        return self._source.damage

    @property
    def given(self) -> int:
        """See :class:`FrameSource`."""
        return self._source.given

    @property
    def promised(self) -> int | None:
        """See :class:`FrameSource`."""
        return self._source.promised

    def frames(self) -> Iterator[Frame]:
        """The frames.

        Raises:
            NotAsListed: if they are others, or must be mended from the beginning on.
        """
        count = 0
        # Behind the last one of all the reader finds out what is missing.
        for frame in islice(self._source.frames(), len(self._frames) + self._is_last):
            if count == len(self._frames) or frame.meta.pts != self._frames[count].pts:
                raise NotAsListed
            count += 1
            yield frame
            if self._is_plain and not self._source.is_plain:
                raise NotAsListed
        if count < len(self._frames):
            raise NotAsListed


def _moved(frames: Sequence[FrameMeta], container: str) -> FrameMeta | None:
    """The last of some frames, at the time that a container gives it."""
    if container not in ("matroska", "webm"):
        return frames[-1] if frames else None
    last: FrameMeta | None = None
    for meta in frames:
        last = apart(meta, last.pts if last is not None else None, container)
    return last


def _lane(gauge: MatteGauge) -> dict[str, Any]:
    return {"telling": gauge.telling, "means": [] if gauge.means is None else list(gauge.means)}
