"""The stages, but for smoothing: passive generators from what comes before to what comes after."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from birefnet_video.backends.base import MattingBackend, Pending
from birefnet_video.matting.compose import extremes, guide_of
from birefnet_video.matting.edit import edit
from birefnet_video.matting.enlarge import resized
from birefnet_video.matting.refine import refine
from birefnet_video.media.convert import alpha_samples, own_alpha, to_rgb
from birefnet_video.media.reader import Reader
from birefnet_video.media.sink import Sink
from birefnet_video.media.verify import Promise
from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.spec import MatteSpec
from birefnet_video.types import Batch, Cutout, Frame, FrameMeta, Matte, MediaInfo

#: Depth at which the gauge reads alpha.
_FILE_BITS = 10
#: Makes the frame of one output.
Composer = Callable[[Cutout], "av.VideoFrame"]
#: Frames for all outputs, in their order, and the frame's time.
Composed = tuple[FrameMeta, list["av.VideoFrame"]]


def decode(reader: Reader) -> Iterator[Frame]:
    """Frames in the order of display."""
    yield from reader.frames()


def prepare(
    frames: Iterable[Frame], info: MediaInfo, size: tuple[int, int], batch_size: int, *, workers: int = 1
) -> Iterator[Batch]:
    """Gather frames and make the network's view of them. The last batch may be short."""

    def view(frame: Frame) -> tuple[Frame, np.ndarray]:
        return frame, to_rgb(frame.picture, info, size)

    waiting: list[Frame] = []
    views: list[np.ndarray] = []
    for frame, rgb in ordered_map(view, frames, workers, "birefnet-video prepare"):
        waiting.append(frame)
        views.append(rgb)
        if len(waiting) == batch_size:
            yield Batch(tuple(waiting), np.stack(views))
            waiting, views = [], []
    if waiting:
        yield Batch(tuple(waiting), np.stack(views))


def infer(batches: Iterable[Batch], backend: MattingBackend) -> Iterator[list[Matte]]:
    """One matte for each frame, at the network's size."""
    before: tuple[Batch, Pending] | None = None
    for batch in batches:
        begun = (batch, backend.begin(batch.rgb))
        if not backend.info.overlaps:
            yield _collect(*begun)
            continue
        # The device has its next batch before it is done with this one.
        if before is not None:
            yield _collect(*before)
        before = begun
    if before is not None:
        yield _collect(*before)


def _collect(batch: Batch, pending: Pending) -> list[Matte]:
    return [Matte(*each) for each in zip(batch.frames, pending(), batch.rgb, strict=True)]


def compose(
    batches: Iterable[list[Matte]],
    info: MediaInfo,
    composers: list[Composer],
    gauge: "MatteGauge",
    *,
    spec: MatteSpec,
    with_own_alpha: bool = False,
    workers: int = 1,
    tap: PreviewTap | None = None,
) -> Iterator[Composed]:
    """The frames of all outputs.

    Args:
        batches: mattes at the network's size.
        info: of the input.
        composers: one an output.
        gauge: sees every matte at full size, in order.
        spec: what is done to mattes on the way there.
        with_own_alpha: multiply mattes by the alpha that the pictures bring along.
        workers: frames that are composed at once; 1 if a composer depends on their order.
        tap: is offered every frame.
    """

    def make(matte: Matte) -> tuple[FrameMeta, np.ndarray, "list[av.VideoFrame]"]:
        alpha = edit(at_full_size(matte, info, spec), spec)
        if with_own_alpha and (own := own_alpha(matte.frame.picture, info)) is not None:
            alpha = alpha * own
        cutout = Cutout(matte.frame, alpha)
        if tap is not None:
            tap.offer(cutout, info)
        return matte.frame.meta, cutout.alpha, [composer(cutout) for composer in composers]

    mattes = (matte for batch in batches for matte in batch)
    for meta, alpha, pictures in ordered_map(make, mattes, workers, "birefnet-video compose"):
        gauge.measure(meta.index, alpha)
        yield meta, pictures


def at_full_size(matte: Matte, info: MediaInfo, spec: MatteSpec) -> np.ndarray:
    """Alpha float32 (H, W) in [0, 1] of the picture's size."""
    size = (info.height, info.width)
    if spec.refine and matte.alpha.shape != size:
        return refine(matte.alpha, guide_of(matte.frame.picture, info))
    return resized(matte.alpha, size)


def encode(composed: Iterable[Composed], writers: Sequence[Sink]) -> Iterator[int]:
    """Write, finish the files, and yield the index of each frame once all of them hold it."""
    taken = stored = 0
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

    def measure(self, index: int, alpha: np.ndarray) -> None:
        """Look at the alpha float32 (H, W) of frame ``index``."""
        if self.means is not None:
            self.means.append(float(alpha.mean()))
        if self.telling_spread >= 1:
            return
        # As the file will hold it: differences below a step of its samples are not there to be found again.
        low, high = alpha_samples(np.array(extremes(alpha)), _FILE_BITS)
        spread = float(high - low) / ((1 << _FILE_BITS) - 1)
        if spread > self.telling_spread:
            self.telling_frame, self.telling_spread = index, spread

    def promise(self, writer: Sink, time_base: Fraction) -> Promise:
        """What the file of a writer that has taken all frames should hold.

        Args:
            writer: has taken at least one.
            time_base: of the frames.
        """
        assert writer.first_pts is not None and writer.last_pts is not None
        return Promise(
            frames=writer.frames,
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
