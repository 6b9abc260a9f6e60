"""Pictures as an output: one file a frame, ``shot_%05d.png``."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import av.error
import av.video.codeccontext

from birefnet_video.colour.transfer import needs_mapping
from birefnet_video.errors import OutputRefused, VerificationFailed
from birefnet_video.inputs.sequence import list_numbers
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.layered_exr import LayeredExr
from birefnet_video.outputs.unfinished import refused, reserve_partial
from birefnet_video.outputs.verify import Promise, alpha_spread
from birefnet_video.types import FrameMeta, MediaInfo, SoundLength

#: Of encoders that write one picture after another.
_TICK = Fraction(1, 25)
#: A picture to files, of which an encoder may hold some back; ``None``: there are no more.
_Encode = Callable[[av.VideoFrame | None], list[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPictures:
    """What pictures there will be, whoever writes them."""

    target: Path
    """Final path with ``%d`` in its name."""
    encoding: Encoding
    """Of pictures."""
    info: MediaInfo
    """Of the input."""
    pixel_format: str
    """Of the frames that will come."""
    size: tuple[int, int]
    """Width and height of the frames."""
    number_of: Callable[[FrameMeta], int]
    """The number of a frame; rising."""


class PictureWriter:
    """Encodes every frame into a file of its own, in a folder beside the final names until all are finished."""

    def __init__(self, pictures: NumberedPictures, notify: Callable[[str], None], folder: Path | None = None) -> None:
        """
        Args:
            pictures: what there will be.
            notify: called with one line for each thing that a user should know.
            folder: that they lie in until all are finished; ``None``: a new one.

        Raises:
            OutputRefused: if the folder cannot be made.
        """
        target, encoding = pictures.target, pictures.encoding
        self.target, self.encoding = target, encoding
        self.frames = self.stored = 0
        self.first_pts: int | None = None
        self.last_pts: int | None = None
        self.last_duration: int | None = None
        self.audio_tracks = 0
        self.sound_damage: list[str] = []
        self.sound_lengths: tuple[SoundLength | None, ...] = ()
        self.size = 0
        self._notify = notify
        self._number_of = pictures.number_of
        self._numbers: list[int] = []
        self._steps: set[int] = set()
        self._colour = pictures.info.colour
        self._begin = partial(_encoder, pictures)
        self._encode = self._begin()
        stem = target.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        self._made_folder = not target.parent.exists()
        if self._made_folder:
            try:
                target.parent.mkdir()
            except OSError as error:
                raise refused(target, error) from None
        self.partial = folder or reserve_partial(target, stem, "", Path.mkdir)

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        picture.pts, picture.time_base = self.frames, _TICK
        if needs_mapping(self._colour):
            # Written into PNG as cICP; without it the values mean sRGB, which is what they are.
            picture.color_primaries, picture.color_trc = self._colour.primaries, self._colour.transfer
        self._numbers.append(self._number_of(meta))
        self._save(picture)
        if self.last_pts is not None:
            self._steps.add(meta.pts - self.last_pts)
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts
        self.last_pts = meta.pts
        self.frames += 1

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._save(None)
        # Clocks such as Matroska's round to a tick.
        if self._steps and max(self._steps) - min(self._steps) > 1:
            self._notify(f"{self.target}: pictures have no times: the uneven ones of the input are lost")

    def verify(self, promise: Promise) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        missing = [number for number in self._numbers if not self._path(number).is_file()]
        if missing:
            raise VerificationFailed(f"{self._path(missing[0])}: is missing")
        for index in range(self.frames) if promise.full else [promise.telling_frame]:
            _check(self._path(self._numbers[index]), index, promise)

    def keep_partial(self) -> Path | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        if not self.frames or not self.partial.is_dir():
            self.discard()
            return None
        if self.stored < self.frames:
            self._save(None)
        return self.partial

    def commit(self, *, overwrite: bool) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        place = self.target.parent.resolve()
        finals = [place / (self.target.name % number) for number in self._numbers]
        try:
            older = set(list_numbers(self.target))
            if not overwrite and (taken := [final for final in finals if final.exists()]):
                raise OutputRefused(f"{taken[0]}: has appeared meanwhile; the results are in {self.partial}")
            for number, final in zip(self._numbers, finals, strict=True):
                self._path(number).replace(final)
        except OSError as error:
            raise refused(self.target, error) from None
        # File managers put files of their own into folders that somebody looks at.
        with suppress(OSError):
            self.partial.rmdir()
        if left := sorted(older - set(self._numbers)):
            self._notify(f"{self.target}: {len(left)} older pictures of that name are left ({left[0]}-{left[-1]})")

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        shutil.rmtree(self.partial, ignore_errors=True)
        if self._made_folder:
            with suppress(OSError):
                self.target.parent.rmdir()

    def _save(self, picture: av.VideoFrame | None) -> None:
        try:
            for data in self._encode(picture):
                self._path(self._numbers[self.stored]).write_bytes(data)
                self.stored += 1
                self.size += len(data)
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self.target, error) from None

    def settle(self, numbers: Sequence[int]) -> None:
        """Pictures of some numbers are on the disk when this returns.

        Raises:
            OutputRefused: if that fails.
        """
        try:
            for number in numbers:
                with self._path(number).open("rb+") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise refused(self.target, error) from None

    def _path(self, number: int) -> Path:
        return self.partial / (self.target.name % number)


def _encoder(pictures: NumberedPictures) -> _Encode:
    encoding, aspect = pictures.encoding, pictures.info.sample_aspect_ratio
    if encoding.layers:
        return LayeredExr(encoding.layers, pictures.size, aspect).encode
    context = av.CodecContext.create(encoding.codec, "w")
    assert isinstance(context, av.video.codeccontext.VideoCodecContext)
    context.width, context.height = pictures.size
    context.pix_fmt = pictures.pixel_format
    context.time_base = _TICK
    context.sample_aspect_ratio = aspect
    context.thread_type = "AUTO"
    context.options = dict(encoding.options)
    return lambda picture: [bytes(packet) for packet in context.encode(picture)]


def _check(path: Path, index: int, promise: Promise) -> None:
    try:
        with av.open(f"file:{path.resolve()}") as container:
            picture = next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise VerificationFailed(f"{path}: the finished picture cannot be read again: {error}") from None
    if promise.carries_alpha and index == promise.telling_frame:
        promise.check_alpha(path, alpha_spread(picture))
    if promise.full:
        promise.check_frame(path, index, picture)
