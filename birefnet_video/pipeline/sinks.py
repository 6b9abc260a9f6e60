"""What the frames of a planned output go into."""

from collections.abc import Callable
from functools import partial

from birefnet_video.inputs.reader import Notify
from birefnet_video.options.outputs import STDOUT
from birefnet_video.outputs.numbered import NumberedPictures, PictureWriter
from birefnet_video.outputs.parts import PartWriter
from birefnet_video.outputs.raw import RawWriter
from birefnet_video.outputs.segmented import SegmentedWriter
from birefnet_video.outputs.segmented_pictures import SegmentedPictures
from birefnet_video.outputs.segments import KnownAt, Segments
from birefnet_video.outputs.sink import Sink
from birefnet_video.outputs.writer import Writer
from birefnet_video.pipeline.plan import PlannedOutput
from birefnet_video.types import Cut, FrameMeta, MediaInfo


def open_sink(
    planned: PlannedOutput,
    info: MediaInfo,
    cut: Cut | None,
    notify: Notify,
    kept: tuple[Segments, KnownAt] | None = None,
) -> Sink:
    """Open what an output's frames go into.

    Args:
        planned: the output.
        info: of the part of the input that is taken.
        cut: that part.
        notify: takes what a user should know.
        kept: its segments, and what gives what a later run must know; ``None``: it is made in one go.

    Raises:
        OutputRefused: if it cannot be created or its container refuses what it should hold.
        BackendUnavailable: if a hardware encoder does not open.
    """
    path, encoding, canvas = planned.spec.path, planned.encoding, planned.canvas
    if path == STDOUT:
        return RawWriter(encoding)
    size = (canvas.width, canvas.height)
    if encoding.container == "image2":
        pictures = numbered(planned, info, cut)
        return PictureWriter(pictures, notify) if kept is None else SegmentedPictures(pictures, notify, kept)
    if kept is not None:
        kept[0].forget()
    film = Writer(
        path,
        encoding,
        info,
        pixel_format=canvas.pixel_format,
        size=size,
        with_sound=planned.with_sound,
        notify=notify,
        cut=cut,
    )
    return film if kept is None else _segmented(film, planned, info, kept)


def _segmented(film: Writer, planned: PlannedOutput, info: MediaInfo, kept: tuple[Segments, KnownAt]) -> Sink:
    segments, known = kept
    canvas = planned.canvas
    open_part = partial(
        PartWriter,
        target=film.target,
        encoding=film.encoding,
        info=info,
        pixel_format=canvas.pixel_format,
        size=(canvas.width, canvas.height),
    )
    try:
        segments.remember(film.partial)
        return SegmentedWriter(film, segments, open_part, known)
    except BaseException:
        film.discard()
        raise


def numbered(planned: PlannedOutput, info: MediaInfo, cut: Cut | None) -> NumberedPictures:
    """What pictures an output of pictures will have."""
    canvas = planned.canvas
    return NumberedPictures(
        target=planned.spec.path,
        encoding=planned.encoding,
        info=info,
        pixel_format=canvas.pixel_format,
        size=(canvas.width, canvas.height),
        number_of=numbering(info, cut),
    )


def numbering(info: MediaInfo, cut: Cut | None) -> Callable[[FrameMeta], int]:
    """Pictures keep the numbers of the sequence they come from; those of a video are counted from 1."""
    if info.sequence is None:
        return lambda meta: meta.index + 1
    sequence, first = info.sequence, cut.shift(info.time_base) if cut is not None else 0
    return lambda meta: sequence.number_at(first + meta.pts)
