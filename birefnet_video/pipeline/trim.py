"""The part of the input that a job wants."""

from dataclasses import replace
from pathlib import Path

from birefnet_video.errors import UsageError
from birefnet_video.inputs.probe import has_awkward_sound
from birefnet_video.inputs.timecode import later_timecode
from birefnet_video.options.job import JobSpec
from birefnet_video.types import Chapter, Cut, MediaInfo


def find_cut(spec: JobSpec, info: MediaInfo) -> Cut | None:
    """The part of the input's clock that is wanted, or ``None`` for all of it.

    Raises:
        UsageError: if the input ends before it begins.
    """
    if not spec.input.start and spec.input.length is None:
        # Where there is no zero, or times lie before it, the outputs have one.
        begin = min(info.start, info.first_picture)
        from_zero = begin and (info.starts_before_zero or not info.has_own_zero)
        return Cut(begin, drops_before=False) if from_zero else None
    if info.duration_s is not None and spec.input.start >= info.duration_s:
        raise UsageError(f"-ss: {float(spec.input.start):g} s, but {spec.source} lasts {info.duration_s:.2f} s")
    start = info.start + spec.input.start
    end = None if spec.input.length is None else start + spec.input.length
    return Cut(start, end, drops_before=spec.input.start > 0)


def shorten(info: MediaInfo, spec: JobSpec, cut: Cut) -> MediaInfo:
    """What is known of the input, for the part alone."""
    info = replace(
        info,
        starts_before_zero=False,
        timecode=later_timecode(info.timecode, spec.input.start, info.frame_rate)
        if info.timecode and spec.input.start
        else info.timecode,
        chapters=_chapters_within(info, cut),
        has_awkward_sound=info.has_awkward_sound or (info.audio_tracks > 0 and has_awkward_sound(Path(info.path), cut)),
    )
    if info.duration_s is None:
        return info
    rest = info.duration_s - float(spec.input.start)
    duration = rest if spec.input.length is None else min(rest, float(spec.input.length))
    frames = info.frame_count and max(1, round(info.frame_count * duration / info.duration_s))
    return replace(info, duration_s=duration, frame_count=frames)


def _chapters_within(info: MediaInfo, cut: Cut) -> tuple[Chapter, ...]:
    """The parts of the chapters that lie within ``cut``, on the clock of what is written."""
    kept = []
    for chapter in info.chapters:
        start = max(chapter.start, cut.start)
        end = chapter.end if cut.end is None else min(chapter.end, cut.end)
        if start < end:
            kept.append(replace(chapter, start=start - cut.start, end=end - cut.start))
    return tuple(kept)
