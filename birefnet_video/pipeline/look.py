"""Single frames of a render, made as the render makes them, without the rest of it."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import numpy as np
from attrs import evolve

from birefnet_video.backends.registry import open_backend
from birefnet_video.colour.convert import to_rgb
from birefnet_video.colour.transfer import is_hdr
from birefnet_video.errors import NotAVideo, UsageError
from birefnet_video.inputs.reader import Notify, Reader
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.options.backgrounds import VideoFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.looking import Moment
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.outputs.encodings import encoding_for, fit_codecs
from birefnet_video.pipeline.as_seen import as_seen
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.pipeline.checks import make_canvas
from birefnet_video.pipeline.composing import Composing, Look
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.following import Follower
from birefnet_video.pipeline.guiding import follower_of, frames_of, motion_estimator, network_of, read_masks, seen_wider
from birefnet_video.pipeline.motions import with_motion
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.stages import infer, prepare
from birefnet_video.types import Cut, Frame, FrameMeta, Matte, MediaInfo, Step
from birefnet_video.words import told_once

#: Frames before and behind one that its smoothing asks. Of ``live``, whose past does not end, what counts for less than
#: a level of 255: each frame keeps four fifths of what came before it.
NEIGHBOURS = {"off": (0, 0), "live": (32, 0), "normal": (3, 3), "high": (4, 4)}
#: Alpha between these is soft.
_SOFT_FROM, _SOFT_TO = 0.05, 0.95
#: Times are written down in these, cut off: one that begins within the next is meant.
_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """One frame as a render would make it."""

    asked_s: Fraction
    """Time that was asked for, on the input's clock, in seconds."""
    time_s: Fraction
    """When the frame begins, on the same clock."""
    source: np.ndarray
    """uint8 (H, W, 3): the upright picture in sRGB, tone-mapped if it is HDR."""
    alpha: np.ndarray
    """float32 (H, W) in [0, 1]."""
    result: np.ndarray
    """uint8 (H, W, 4): straight RGBA, as ``--alpha -`` writes it."""
    composites: tuple[tuple[str, np.ndarray], ...] = ()
    """Over the backgrounds that are asked for: their names and uint8 (H, W, 3) sRGB; sides may be one larger."""

    @property
    def subject(self) -> float:
        """Share of the picture that is subject: the mean of alpha."""
        return float(self.alpha.mean())

    @property
    def soft(self) -> float:
        """Share of the picture that is neither: alpha between 0.05 and 0.95."""
        return float(((self.alpha > _SOFT_FROM) & (self.alpha < _SOFT_TO)).mean())


class Looking:
    """What the frames of a render that are looked at have in common: the plan and, once open, the network."""

    def __init__(self, spec: JobSpec, notify: Notify) -> None:
        """
        Args:
            spec: the render. Its outputs need not be writable: nothing is written.
            notify: takes what a user should know.

        Raises:
            BirefnetVideoError: if the input or an option of it is no good.
        """
        self._plan = Plan.of(evolve(spec, outputs=(OutputSpec("alpha", STDOUT),)))
        self._spec, self._notify = spec, told_once(notify)
        self._shown = [*_shown(spec, self.info)]

    @property
    def info(self) -> MediaInfo:
        """Of the part of the input that is taken."""
        return self._plan.info

    def times(self, moments: Sequence[Moment]) -> list[Fraction]:
        """Moments as seconds on the input's clock, each once, in their order.

        Raises:
            UsageError: if one lies outside of the part that is rendered, or a share of an unknown length is meant.
        """
        start, length = self._spec.input.start, self.info.duration_s
        found: dict[Fraction, None] = {}
        for moment in moments:
            if moment.share is not None:
                if length is None:
                    raise UsageError(f"{self.info.path}: how long it is is not known", hint="name times in seconds")
                found[start + moment.share * Fraction(length).limit_denominator(1_000_000)] = None
                continue
            assert moment.seconds is not None  # it has one of the two
            end = None if length is None else start + Fraction(length)
            if moment.seconds < start or (end is not None and moment.seconds > end):
                until = "" if end is None else f" to {float(end):.2f} s"
                raise UsageError(
                    f"{float(moment.seconds):g} s is not rendered: {self.info.path} is from "
                    f"{float(start):.2f} s on{until}"
                )
            found[moment.seconds] = None
        return [*found]

    def frames(self, times: Sequence[Fraction], open_backend: OpenBackend = open_backend) -> Iterator[LookedAt]:
        """The frames that are shown at some times, one after another.

        Args:
            times: on the input's clock, in seconds.
            open_backend: loads the network.

        Raises:
            NotAVideo: if there is no frame.
            BirefnetVideoError: if the network cannot be loaded, or a background is no good.
        """
        spec, info = self._spec, self.info
        for note in self._plan.notes:
            # Of the output that stands in for those of the render.
            if not note.startswith(f"{STDOUT}:"):
                self._notify(note)
        look = Look(colour=spec.colour, input_alpha=spec.input.input_alpha, compose_on=spec.backend.compose_on)
        composing = Composing(look, self._shown, info, self._notify)
        self._notify(Step(f"loading the network {spec.backend.model}"))
        masks = read_masks(self._plan.guidance.said)
        backend = seen_wider(open_backend(network_of(self._plan), info, self._notify), self._plan)
        try:
            matting = Matting(backend, composing.on(backend.info.device))
            if self._plan.guidance.said:
                follower = follower_of(self._plan, backend, masks, lambda noted: self._notify(noted.describe()))
                yield from self._followed(sorted(times), matting, follower)
                return
            for time in times:
                yield self._frame(time, matting)
        finally:
            backend.close()

    def _followed(self, times: Sequence[Fraction], matting: Matting, follower: Follower | None) -> Iterator[LookedAt]:
        """The same of a subject that is followed: from the first frame on, as the render does."""
        self._notify(Step(f"following the subject up to {float(times[-1]):.2f} s"))
        cut = self._plan.cut
        frames = frames_of(self._plan, self._reader(cut), lambda: self._reader(cut), follower)
        waiting, before = list(times), None
        for matte in self._smoothed(frames, matting, follower):
            while waiting and before is not None and self._clock(matte.frame.meta) >= self._until(waiting[0]):
                yield self._made(waiting.pop(0), before, matting)
            if not waiting:
                return
            before = matte
        if before is None:
            raise NotAVideo(f"{self.info.path}: has a video stream, but no frame could be decoded")
        yield from (self._made(time, before, matting) for time in waiting)

    def _frame(self, time: Fraction, matting: Matting) -> LookedAt:
        frames, index = self._around(time)
        matte = next(islice(self._smoothed(frames, matting), index, None))
        return self._made(time, matte, matting)

    def _made(self, time: Fraction, matte: Matte, matting: Matting) -> LookedAt:
        """The frame that is shown at a time, composed."""
        if any(isinstance(output.background, VideoFile) for output, _ in self._shown):
            # A film behind the subject begins with the render and goes on from there.
            begins = replace(matte.frame, meta=replace(matte.frame.meta, pts=0))
            matting.compose(replace(matte, frame=begins), self._spec.matte)
        made = matting.compose(matte, self._spec.matte)
        size = (self.info.height, self.info.width)
        rgba, *others = made.pictures
        return LookedAt(
            asked_s=time,
            time_s=self._clock(matte.frame.meta),
            source=to_rgb(matte.frame.picture, self.info, size, exact=True),
            alpha=made.cutout().alpha,
            result=rgba.to_ndarray(),
            composites=tuple(
                (str(output.background), as_seen(picture, canvas, self.info, (canvas.height, canvas.width), exact=True))
                for picture, (output, canvas) in zip(others, self._shown[1:], strict=True)
            ),
        )

    def _smoothed(self, frames: Iterable[Frame], matting: Matting, follower: Follower | None = None) -> Iterator[Matte]:
        mode = self._spec.matte.smooth
        views = prepare(frames, self.info, matting)
        if follower is None:
            batches = infer(views, matting)
        else:
            batches = follower.follow(with_motion(views, motion_estimator(self._plan)))
        mattes = (matte for batch in batches for matte in batch)
        if mode == "off":
            yield from mattes
            return
        # Not the stage, which would leave the thread of this network one core.
        from birefnet_video.pipeline.smoothing import Heard, Where, steady_alphas

        device = matting.info.device if matting.info.device.startswith("cuda") else "cpu"
        shape = (self.info.width, self.info.height)
        heard: Heard[Matte] = Heard(tell=self._notify, motion=None if follower is None else lambda matte: matte.motion)
        for matte, alpha in steady_alphas(
            mattes, lambda matte: (matte.view, matte.alpha), shape, mode, where=Where(device), heard=heard
        ):
            yield replace(matte, alpha=alpha)

    def _around(self, time: Fraction) -> tuple[list[Frame], int]:
        """The frame that is shown at a time among those that its smoothing asks, and its place among them."""
        before, after = NEIGHBOURS[self._spec.matte.smooth]
        whole = self._plan.cut
        first = whole.start if whole is not None and whole.drops_before else None
        until = self._until(time)
        earlier_s = (before + Fraction(3, 2)) / self.info.frame_rate
        while True:
            begin = self.info.start + time - earlier_s
            is_all = begin <= (self.info.start if first is None else first)
            cut = whole if is_all else Cut(begin, whole.end if whole is not None else None)
            frames, index = self._read(cut, self.info.start + until, before, after)
            # Where frames are far apart, those that are asked lie further back.
            if is_all or (index >= before and self._clock(frames[index].meta) < until):
                break
            earlier_s *= 4
        if not frames:
            raise NotAVideo(f"{self.info.path}: has a video stream, but no frame could be decoded")
        return frames, index

    def _read(self, cut: Cut | None, until: Fraction, before: int, after: int) -> tuple[list[Frame], int]:
        """Frames of a part: the last one that begins before ``until``, and its neighbours."""
        info, reader = self.info, self._reader(cut)
        # On the clock of the render, whose part may begin elsewhere than this one.
        moved = (cut.shift(info.time_base) if cut is not None else 0) - self._shift
        past: deque[Frame] = deque(maxlen=before + 1)
        behind: list[Frame] = []
        frames = reader.frames()
        for read in frames:
            frame = replace(read, meta=replace(read.meta, pts=read.meta.pts + moved))
            if past and (frame.meta.pts + self._shift) * info.time_base >= until:
                behind.append(frame)
            else:
                past.append(frame)
            if len(behind) == max(after, 1):
                break
        frames.close()  # type: ignore[attr-defined]  # a generator: its file is closed now, and not some time
        return [*past, *behind[:after]], len(past) - 1

    def _reader(self, cut: Cut | None) -> Reader:
        with_alpha = self._spec.input.input_alpha == "multiply"
        return Reader(self.info, self._notify, cut, with_alpha=with_alpha, decode_on=self._plan.decode_on)

    def _until(self, time: Fraction) -> Fraction:
        """When a frame begins that is no longer the one of a time."""
        return time + min(_MILLISECOND, 1 / self.info.frame_rate / 4)

    @property
    def _shift(self) -> int:
        return self._plan.cut.shift(self.info.time_base) if self._plan.cut is not None else 0

    def _clock(self, meta: FrameMeta) -> Fraction:
        """When a frame begins, on the input's clock."""
        return (meta.pts + self._shift) * meta.time_base - self.info.start


def _shown(spec: JobSpec, info: MediaInfo) -> Iterator[tuple[OutputSpec, Canvas]]:
    """What is made of a frame: straight RGBA, and the composites that are asked for, each background once."""
    raw = OutputSpec("alpha", STDOUT)
    yield raw, make_canvas(encoding_for(raw, hdr=is_hdr(info.colour)), info)
    behind: set[str] = set()
    for output in fit_codecs(spec.outputs):
        if output.kind == "composite" and str(output.background) not in behind:
            behind.add(str(output.background))
            output = evolve(output, whose=())
            yield output, make_canvas(encoding_for(output, hdr=is_hdr(info.colour)), info)
