"""A render in segments: what an earlier run has done of it, and how this one goes on from there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from birefnet_video.defaults import SEGMENT_S
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.inputs.reader import Notify, Reader
from birefnet_video.options.outputs import STDOUT
from birefnet_video.outputs.parts import is_whole
from birefnet_video.outputs.segments import Part, SegmentPlan, Segments, folder_of, part_path, parts_done
from birefnet_video.outputs.sink import Sink
from birefnet_video.pipeline.continuing import Continuation, MakeReader
from birefnet_video.pipeline.correcting import reached_from, standing
from birefnet_video.pipeline.finished import remember_finished
from birefnet_video.pipeline.job_key import differences, job_key
from birefnet_video.pipeline.memory import Memory, hindsight_path
from birefnet_video.pipeline.plan import Plan, PlannedOutput
from birefnet_video.pipeline.reach import LEAD
from birefnet_video.pipeline.sinks import open_sink
from birefnet_video.pipeline.stages import MatteGauge
from birefnet_video.types import Cut, FrameMeta, Matte

T = TypeVar("T")
#: Segments from which on a render is worth more than the disk space of its parts.
_LEAST_SEGMENTS = 2
#: Segments of a short render that workers share, and seconds that one has at least.
_SHARED_SEGMENTS, _SHORTEST_S = 16, 2.0


@dataclass(slots=True)
class Resumption:
    """What an earlier run has done, and what the next must know of this one. Its frames come from the first one on."""

    plans: list[SegmentPlan] = field(default_factory=list)
    """One for each output; none: they are made in one go."""
    parts: list[Part] = field(default_factory=list)
    """That all outputs have; of the first output."""
    lead: int = 0
    """Frames before the first new one that its matte depends on."""
    segments: list[Segments] = field(default_factory=list)
    """Of each output, once it is open."""
    memory: Memory | None = None
    """What is known of subjects, if there are any and it can be kept."""
    gauges: list[MatteGauge] = field(default_factory=list)
    cuts: list[FrameMeta] = field(default_factory=list)
    _reader: Reader | Continuation | None = None

    @property
    def keep(self) -> int:
        """Parts to go on from."""
        return len(self.parts)

    @property
    def frames(self) -> int:
        """Frames that are done."""
        return sum(len(part.frames) for part in self.parts)

    @property
    def began_s(self) -> float | None:
        """Time of the first frame of all, if it is done."""
        return self.parts[0].frames[0].time_s if self.parts else None

    def open_sinks(self, plan: Plan, notify: Notify, opened: list[Sink]) -> None:
        """See :class:`birefnet_video.pipeline.stretch.Stretch`."""
        for number, output in enumerate(plan.outputs):
            if not self.plans:
                opened.append(open_sink(output, plan.info, plan.cut, notify))
                continue
            segments = Segments(output.spec.path, self.plans[number], self.keep)
            try:
                opened.append(open_sink(output, plan.info, plan.cut, notify, (segments, self.known_at)))
            except BaseException:
                # What an earlier run has done stays.
                (segments.close if self.keep else segments.remove)()
                raise
            self.segments.append(segments)

    def restore(self, gauges: Sequence[MatteGauge], on_cut: Callable[[FrameMeta], None]) -> Callable[[FrameMeta], None]:
        """Let gauges and listeners know what an earlier run has found.

        Returns:
            who is to be told of cuts in place of ``on_cut``, so that the next run knows of them, too.
        """

        def note(frame: FrameMeta) -> None:
            # Those before are known.
            if frame.index >= self.frames:
                self.cuts.append(frame)
                on_cut(frame)

        self.gauges = list(gauges)
        frames = [meta for part in self.parts for meta in part.frames]
        for part in self.parts:
            for gauge, values in zip(gauges, part.known["lanes"], strict=True):
                gauge.restore(tuple(values["telling"]), values["means"])
            for index in part.known["cuts"]:
                self.cuts.append(frames[index])
                on_cut(frames[index])
        return note

    def known_at(self, first: int, after: int) -> Mapping[str, Any]:
        """See :data:`birefnet_video.outputs.segments.KnownAt`."""
        # What an output holds has been read a while ago: it may only be too careful.
        plain = self._reader is not None and self._reader.is_plain
        lanes = [{"telling": gauge.telling, "means": gauge.means_of(first, after)} for gauge in self.gauges]
        cuts = [cut.index for cut in self.cuts if first <= cut.index < after]
        known = {"lanes": lanes, "cuts": cuts, "plain": plain}
        return known if self.memory is None else {**known, **self.memory.known(first, after)}

    def written(self) -> int:
        """Frames that all outputs have taken. From any thread."""
        return min((each.kept + len(each.open_frames) for each in self.segments), default=0)

    def kept(self) -> int | None:
        """Frames that a later run need not make again; ``None``: nothing is kept. From any thread."""
        return min((each.kept for each in self.segments), default=None)

    def finish(self) -> None:
        """All outputs have their final names: their parts are not needed any more."""
        if not self.segments:
            return
        frames = sum(len(part.frames) for part in self.segments[0].parts)
        for segments in self.segments:
            segments.remove()
        remember_finished([each.target for each in self.segments], [plan.key for plan in self.plans], frames)

    def begin(self, batch_size: int) -> int:
        """The first frame that the network must see; batches are those of a run without a break."""
        if self.memory is not None:
            # The batch before the first that is followed is read for the motion from it.
            return max(0, self.memory.begin - batch_size)
        return max(0, self.frames - self.lead) // batch_size * batch_size

    def reader(self, make: MakeReader, cut: Cut | None, batch_size: int) -> Reader | Continuation:
        """Reads the frames that the network must see."""
        if begin := self.begin(batch_size):
            known = [meta for part in self.parts for meta in part.frames]
            was_plain = all(part.known["plain"] for part in self.parts)
            self._reader = Continuation(make, cut, known, begin, may_seek=was_plain)
        else:
            self._reader = make(cut=cut)
        return self._reader

    def before(
        self, stage: Callable[[Iterable[list[Matte]]], Iterator[T]]
    ) -> Callable[[Iterable[list[Matte]]], Iterator[T]]:
        """A stage that sees the mattes of new frames alone."""
        return (lambda batches: stage(self._new(batches))) if self.frames else stage

    def _new(self, batches: Iterable[list[Matte]]) -> Iterator[list[Matte]]:
        first = self.frames
        for batch in batches:
            if new := [matte for matte in batch if matte.frame.meta.index >= first]:
                yield new


def find_resumption(plan: Plan, notify: Notify, *, shared: bool = False) -> Resumption:
    """What a run of a plan goes on from and leaves behind.

    Args:
        plan: of the run.
        notify: takes what a user should know.
        shared: it is made by workers, so in segments however short it is.

    Raises:
        OutputRefused: if an earlier run had other settings, or has left nothing where it must.
        UsageError: if going on is required and cannot be done.
    """
    mode = plan.spec.writing.resume
    begun = [output.spec.path for output in plan.outputs if _has_parts(output)]
    if mode == "never":
        if shared:
            raise UsageError("--resume never: workers hand over what they make as parts, which are kept")
        if begun:
            notify(f"{folder_of(begun[0])}: what an earlier run has done is not used and stays")
        return Resumption()
    if (why := why_in_one_go(plan)) is not None:
        if mode == "require":
            raise UsageError(f"--resume require: {why}")
        if begun or _is_long(plan):
            notify(f"what is done will not outlive a cut: {why}")
        return Resumption()
    if mode == "require" and not begun:
        raise OutputRefused(
            f"{plan.outputs[0].spec.path}: there is nothing to go on from", hint="--resume auto begins it"
        )
    if not begun and not _is_long(plan) and not shared:
        return Resumption()
    try:
        keys = [job_key(plan.spec, plan.info, output.spec) for output in plan.outputs]
    except OSError as error:
        raise OutputRefused(f"{error.filename}: cannot be read: {error.strerror}") from None
    seconds = _segment_s(plan, shared=shared)
    for key in keys:
        key["segment"] = f"{float(seconds):g}"
    lead = LEAD[plan.spec.matte.smooth]
    made = Resumption(
        [SegmentPlan(seconds=seconds, key=key, time_base=plan.info.time_base, lead=lead) for key in keys],
        lead=lead,
    )
    _find_parts(made, plan, notify)
    if plan.guidance.said:
        made.memory = _memory(made, plan)
    return made


def _memory(made: Resumption, plan: Plan) -> Memory:
    place = hindsight_path(folder_of(plan.outputs[0].spec.path), made.plans[0].key["subject"])
    memory = Memory(lead=made.lead, place=place, written=made.written)
    if made.parts:
        memory.restore([(part.frames, part.known) for part in made.parts])
    return memory


def _find_parts(made: Resumption, plan: Plan, notify: Notify) -> None:
    """Fill in what an earlier run has done, if it was one of the same key."""
    found: dict[Path, list[Part]] = {}
    begun: set[Path] = set()
    for output, segment_plan in zip(plan.outputs, made.plans, strict=True):
        key, parts = parts_done(output.spec.path, plan.info.time_base)
        if key and (changed := differences(key, segment_plan.key)):
            parts = _standing(parts, reached_from(key, segment_plan.key), plan)
            if not parts and not plan.spec.writing.overwrite:
                raise OutputRefused(
                    f"{output.spec.path}: was begun otherwise: {'; '.join(changed)}",
                    hint="-y begins anew, the same settings go on",
                )
            begins = "other prompts: made anew from where they reach back to" if parts else "begun anew"
            notify(f"{output.spec.path}: {begins}: {'; '.join(changed)}")
        found[output.spec.path] = parts
        begun |= {output.spec.path} if key else set()
    if any(found.values()) and (missing := [path for path in found if path not in begun]):
        what = f"{missing[0]}: is no output of the run that has begun the others"
        if not plan.spec.writing.overwrite:
            raise OutputRefused(what, hint="-y begins anew, the same outputs go on")
        notify(f"{what}: all are begun anew")
    keep = min(len(parts) for parts in found.values())
    for output in plan.outputs:
        for number, part in enumerate(found[output.spec.path][:keep]):
            path = part_path(output.spec.path, number)
            if part.written is not None and not is_whole(path, output.encoding, part.written, part.frames):
                notify(f"{path}: is damaged: made anew from there")
                keep = number
                break
    made.parts = found[plan.outputs[0].spec.path][:keep]
    if made.parts:
        times = made.parts[-1].frames[-1].time_s
        notify(f"goes on from {times:.2f} s: {made.frames} frames were done by an earlier run")


def _standing(parts: list[Part], reached: Fraction | None, plan: Plan) -> list[Part]:
    """Those that other prompts say nothing of; none, if more than prompts has changed."""
    if reached is None:
        return []
    return parts[: standing(parts, reached, plan.spec.input.start, plan.info.frame_rate)]


def _has_parts(output: PlannedOutput) -> bool:
    path = output.spec.path
    return path != STDOUT and folder_of(path).is_dir()


def why_in_one_go(plan: Plan) -> str | None:
    """Why a run cannot be cut, in words; ``None``: it can."""
    if plan.spec.matte.tracker != "none":
        return "a tracker keeps what it has seen of subjects to itself"
    for output in plan.outputs:
        if output.spec.path == STDOUT:
            return "standard output keeps nothing"
        if output.encoding.container == "apng":
            return f"{output.spec.path}: an animation is written as a whole"
    return None


def why_not_shared(plan: Plan) -> str | None:
    """Why workers cannot share a run, in words; ``None``: they can."""
    return "who is followed is carried from frame to frame" if plan.guidance.said else why_in_one_go(plan)


def _is_long(plan: Plan) -> bool:
    length = plan.info.duration_s
    return length is not None and length >= _LEAST_SEGMENTS * (plan.spec.writing.segment or SEGMENT_S)


def _segment_s(plan: Plan, *, shared: bool) -> Fraction:
    """Length of a segment: as asked for, else as it was begun, else so that workers have several each."""
    asked, length = plan.spec.writing.segment, plan.info.duration_s
    if asked is None:
        begun = parts_done(plan.outputs[0].spec.path, plan.info.time_base)[0].get("segment", "")
        with suppress(ValueError):
            asked = float(begun)
    if asked is None and shared and length is not None:
        asked = min(SEGMENT_S, max(length / _SHARED_SEGMENTS, _SHORTEST_S))
    return Fraction(asked or SEGMENT_S).limit_denominator(1000)
