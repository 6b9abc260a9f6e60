"""What the frames of a planned output go into."""

from collections.abc import Callable

from birefnet_video.inputs.reader import Notify
from birefnet_video.options.outputs import STDOUT
from birefnet_video.outputs.numbered import PictureWriter
from birefnet_video.outputs.raw import RawWriter
from birefnet_video.outputs.sink import Sink
from birefnet_video.outputs.writer import Writer
from birefnet_video.pipeline.plan import PlannedOutput
from birefnet_video.types import Cut, FrameMeta, MediaInfo


def open_sink(planned: PlannedOutput, info: MediaInfo, cut: Cut | None, notify: Notify) -> Sink:
    """Open what an output's frames go into.

    Raises:
        OutputRefused: if it cannot be created or its container refuses what it should hold.
        BackendUnavailable: if a hardware encoder does not open.
    """
    path, encoding, canvas = planned.spec.path, planned.encoding, planned.canvas
    if path == STDOUT:
        return RawWriter(encoding)
    size = (canvas.width, canvas.height)
    if encoding.container == "image2":
        return PictureWriter(
            path,
            encoding,
            info,
            pixel_format=canvas.pixel_format,
            size=size,
            number_of=_numbering(info, cut),
            notify=notify,
        )
    return Writer(
        path,
        encoding,
        info,
        pixel_format=canvas.pixel_format,
        size=size,
        with_sound=planned.with_sound,
        notify=notify,
        cut=cut,
    )


def _numbering(info: MediaInfo, cut: Cut | None) -> Callable[[FrameMeta], int]:
    """Pictures keep the numbers of the sequence they come from; those of a video are counted from 1."""
    if info.sequence is None:
        return lambda meta: meta.index + 1
    sequence, first = info.sequence, cut.shift(info.time_base) if cut is not None else 0
    return lambda meta: sequence.number_at(first + meta.pts)
