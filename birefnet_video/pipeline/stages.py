"""The stages, but for smoothing: passive generators from what comes before to what comes after."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from birefnet_video.backends.base import Mattes
from birefnet_video.colour.convert import alpha_samples
from birefnet_video.matting.composite.opencv import Extent
from birefnet_video.matting.device_tensor import DeviceTensor, gathered
from birefnet_video.options.matte import EditSpec
from birefnet_video.outputs.sink import Sink
from birefnet_video.outputs.verify import Promise
from birefnet_video.pipeline.compositor import Made
from birefnet_video.pipeline.continuing import FrameSource, Reading
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.types import Batch, Frame, FrameMeta, Matte, MediaInfo

#: Depth at which the gauge reads alpha.
_FILE_BITS = 10
#: Frames for all outputs, in their order, and the frame's time.
Composed = tuple[FrameMeta, list["av.VideoFrame"]]


def decode(reader: FrameSource) -> Iterator[Frame]:
    """Frames in the order of display."""
    yield from reader.frames()


def prepare(frames: Iterable[Frame], info: MediaInfo, matting: Matting, *, workers: int = 1) -> Iterator[Batch]:
    """Gather frames and make the network's view of them. The last batch before the end, or before frames that come a
    second time, may be short."""
    batch_size = matting.info.batch_size

    def view(frame: Frame) -> tuple[Frame, np.ndarray | DeviceTensor]:
        return frame, matting.view(frame.picture, info)

    waiting: list[Frame] = []
    views: list[np.ndarray | DeviceTensor] = []
    for frame, rgb in ordered_map(view, frames, workers, "birefnet-video prepare"):
        if waiting and frame.meta.index <= waiting[-1].meta.index:
            yield Batch(tuple(waiting), gathered(views))
            waiting, views = [], []
        waiting.append(frame)
        views.append(rgb)
        if len(waiting) == batch_size:
            yield Batch(tuple(waiting), gathered(views))
            waiting, views = [], []
    if waiting:
        yield Batch(tuple(waiting), gathered(views))


def infer(batches: Iterable[Batch], matting: Matting) -> Iterator[list[Matte]]:
    """One matte for each frame, at the network's size."""
    before: tuple[Batch, Callable[[], Mattes]] | None = None
    for batch in batches:
        begun = (batch, matting.begin_for_compositor(batch.rgb))
        if not matting.info.overlaps:
            yield _collect(*begun)
            continue
        # The device has its next batch before it is done with this one.
        if before is not None:
            yield _collect(*before)
        before = begun
    if before is not None:
        yield _collect(*before)


def _collect(batch: Batch, pending: Callable[[], Mattes]) -> list[Matte]:
    return [Matte(*each) for each in zip(batch.frames, pending(), batch.rgb, strict=True)]


def compose(
    batches: Iterable[list[Matte]],
    matting: Matting,
    edit: EditSpec,
    gauges: Sequence["MatteGauge"],
    *,
    on_made: Callable[[Made], None] = lambda made: None,
    workers: int = 1,
) -> Iterator[Composed]:
    """The frames of all outputs.

    Args:
        batches: mattes at the network's size.
        matting: makes the frames.
        edit: what is done to mattes on their way.
        gauges: one for each whose mattes there are, told of every matte at full size, in order.
        on_made: is shown what came of each, on the thread that made it.
        workers: frames that are composed at once; 1 if an output depends on their order.
    """

    def make(matte: Matte) -> Made:
        made = matting.compose(matte, edit)
        on_made(made)
        return made

    mattes = (matte for batch in batches for matte in batch)
    for made in ordered_map(make, mattes, workers, "birefnet-video compose"):
        for gauge, extent in zip(gauges, made.extents, strict=True):
            gauge.measure(made.meta.index, extent)
        yield made.meta, made.pictures


def encode(composed: Iterable[Composed], writers: Sequence[Sink]) -> Iterator[int]:
    """Write, finish the files, and yield the index of each frame once all of them hold it."""
    # What an earlier run has done is in them from the start.
    taken = stored = writers[0].frames
    for meta, pictures in composed:
        for writer, picture in zip(writers, pictures, strict=True):
            writer.write(picture, meta)
        taken += 1
        now = min(writer.stored for writer in writers)
        yield from range(stored, now)
        stored = now
    for writer in writers:
        writer.finish()
    yield from range(stored, taken)


class MatteGauge:
    """Which frame's matte tells most, so that the finished file can be checked by that frame alone."""

    def __init__(self, *, keeps_means: bool = False) -> None:
        """
        Args:
            keeps_means: also remember the mean of every frame's matte, eight bytes each.
        """
        self.means: array[float] | None = array("d") if keeps_means else None
        self.telling_frame = 0
        self.telling_spread = 0.0
        """Largest minus smallest alpha of that frame."""

    @property
    def telling(self) -> tuple[int, float]:
        """The frame that tells most, and its spread."""
        return self.telling_frame, self.telling_spread

    def means_of(self, first: int, after: int) -> list[float]:
        """Means of frames from ``first`` to before ``after``; none if they are not kept."""
        return [] if self.means is None else list(self.means[first:after])

    def restore(self, telling: tuple[int, float], means: Sequence[float]) -> None:
        """Go on from what another gauge has found of the frames before; called once for each run of them."""
        self.telling_frame, self.telling_spread = telling
        if self.means is not None:
            self.means.extend(means)

    def absorb(self, telling: tuple[int, float], means: Sequence[float]) -> None:
        """Take what another gauge has found of the next frames; called once for each run of them."""
        if telling[1] > self.telling_spread:
            self.telling_frame, self.telling_spread = telling
        if self.means is not None:
            self.means.extend(means)

    def measure(self, index: int, extent: Extent) -> None:
        """Note the extent of the alpha of frame ``index``."""
        if self.means is not None:
            self.means.append(extent.mean)
        # As the file will hold it: differences below a step of its samples are not there to be found again.
        low, high = alpha_samples(np.array((extent.low, extent.high)), _FILE_BITS)
        spread = float(high - low) / ((1 << _FILE_BITS) - 1)
        if spread > self.telling_spread:
            self.telling_frame, self.telling_spread = index, spread

    def promise(self, writer: Sink, time_base: Fraction, reader: Reading | None = None) -> Promise:
        """What the file of a writer that has taken all frames should hold.

        Args:
            writer: has taken at least one.
            time_base: of the frames.
            reader: has read them, if they are a file's.
        """
        assert writer.first_pts is not None and writer.last_pts is not None
        return Promise(
            frames=writer.frames,
            read=writer.frames if reader is None else reader.given,
            promised=None if reader is None or reader.damage else reader.promised,
            last_duration=writer.last_duration,
            sound_lengths=writer.sound_lengths,
            first_pts=writer.first_pts,
            last_pts=writer.last_pts,
            time_base=time_base,
            audio_tracks=writer.audio_tracks,
            carries_alpha=writer.encoding.carries_alpha,
            telling_frame=self.telling_frame,
            telling_spread=self.telling_spread,
            alpha_slack=writer.encoding.alpha_slack,
            full=self.means is not None,
            mean_alphas=self.means if writer.encoding.carries_alpha or writer.encoding.is_matte else None,
        )
