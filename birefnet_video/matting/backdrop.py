"""What lies behind the subject of a composite."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from birefnet_video.colour.convert import plane_array, solid_yuv, to_rgb, to_yuv
from birefnet_video.colour.transfer import from_sdr, needs_mapping
from birefnet_video.errors import BirefnetVideoError, InputMissing
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.options.backgrounds import Background, Blur, PictureFile, SolidColour, VideoFile
from birefnet_video.pictures.srgb import Srgb, read_srgb
from birefnet_video.types import Frame, FrameMeta, MediaInfo

#: Lines of the picture that a blur's radius is given for.
_BLUR_LINES = 1080
#: A blurred picture needs no more lines than this for each pixel of the blur's width.
BLUR_SHRINK = 4.0
#: Share of background under the blur below which the plain blur takes over.
LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Canvas:
    """Size and format of a composite's frames: planar YUV."""

    width: int
    height: int
    pixel_format: str
    full_range: bool

    @property
    def bits(self) -> int:
        """Of a sample."""
        return av.VideoFormat(self.pixel_format).components[0].bits

    def plane_shape(self, index: int) -> tuple[int, int]:
        """Height and width of a plane."""
        if index == 0:
            return self.height, self.width
        layout = av.VideoFormat(self.pixel_format, self.width, self.height)
        return layout.chroma_height(), layout.chroma_width()


#: Samples of the three planes: arrays of the canvas' plane shapes, or one number each.
Planes = list[np.ndarray] | list[np.float32]


class Backdrop(Protocol):
    """Gives the background of every frame, in order. One thread."""

    def planes(
        self, meta: FrameMeta, source: list[np.ndarray], luma_alpha: np.ndarray, chroma_alpha: np.ndarray
    ) -> Planes:
        """
        Args:
            meta: when the frame is shown.
            source: the frame's own planes, on the canvas.
            luma_alpha: float32 in [0, 1], of the luma plane's shape.
            chroma_alpha: the same for chroma.

        Returns:
            float32 samples of the three planes.
        """
        ...


def open_backdrop(background: Background, info: MediaInfo, canvas: Canvas, began_s: float | None = None) -> Backdrop:
    """The backdrop that a background asks for.

    Args:
        background: what is shown.
        info: of the input.
        canvas: that it is drawn on.
        began_s: time of the frame that a film began with; ``None``: the next one.

    Raises:
        InputMissing, NotAVideo: if its file is missing or no picture or video.
    """
    if isinstance(background, SolidColour):
        return _Plain(background.rgb, info, canvas)
    if isinstance(background, Blur):
        return _Blurred(blur_sigma(background, info.height))
    if isinstance(background, PictureFile):
        return _Still(read_background(background).rgb, info, canvas)
    return _Film(background.path, info, canvas, began_s)


def note_of(background: Background) -> str | None:
    """What a user should know of a background that can be opened."""
    if isinstance(background, PictureFile):
        has_alpha = read_background(background).has_alpha
    else:
        has_alpha = isinstance(background, VideoFile) and probe(background.path).has_alpha
    return "--background: has alpha of its own, which is left out: it is shown opaque" if has_alpha else None


def read_background(background: PictureFile) -> Srgb:
    """The picture of a background.

    Raises:
        InputMissing: if there is none.
    """
    try:
        return read_srgb(background.path)
    except BirefnetVideoError as error:
        raise InputMissing(f"--background: {error}") from None


def blur_sigma(background: Blur, height: int) -> float:
    """Standard deviation of a blur, in pixels of a picture of so many lines."""
    return max(background.radius * height / _BLUR_LINES / 2, 0.5)


class _Plain:
    def __init__(self, rgb: tuple[int, int, int], info: MediaInfo, canvas: Canvas) -> None:
        values = solid_yuv(rgb, info.colour, canvas.bits, full_range=canvas.full_range)
        self._planes = [np.float32(value) for value in values]

    def planes(
        self, meta: FrameMeta, source: list[np.ndarray], luma_alpha: np.ndarray, chroma_alpha: np.ndarray
    ) -> Planes:
        return self._planes


class _Still:
    def __init__(self, rgb: np.ndarray, info: MediaInfo, canvas: Canvas) -> None:
        self._planes = _converted(filling(rgb, canvas.width, canvas.height), info, canvas)

    def planes(
        self, meta: FrameMeta, source: list[np.ndarray], luma_alpha: np.ndarray, chroma_alpha: np.ndarray
    ) -> Planes:
        return self._planes


class _Blurred:
    """The original without its subject: blurring leaves out what is covered, so that no halo surrounds the subject."""

    def __init__(self, sigma: float) -> None:
        self._sigma = sigma

    def planes(
        self, meta: FrameMeta, source: list[np.ndarray], luma_alpha: np.ndarray, chroma_alpha: np.ndarray
    ) -> Planes:
        return [
            blurred(samples, luma_alpha if index == 0 else chroma_alpha, self._sigma if index == 0 else self._sigma / 2)
            for index, samples in enumerate(source)
        ]


def blurred(samples: np.ndarray, alpha: np.ndarray, sigma: float) -> np.ndarray:
    """What a blur makes of samples, float32; what alpha covers is left out as far as there is something else.

    Args:
        samples: (H, W) or (H, W, C).
        alpha: float32 (H, W) in [0, 1].
        sigma: standard deviation in pixels.
    """
    height, width = samples.shape[:2]
    shrink = max(1.0, sigma / BLUR_SHRINK)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(samples.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    share = 1 - cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    sigma /= shrink
    plain = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    weight = cv2.GaussianBlur(share, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    if samples.ndim == 3:
        share, weight = share[..., None], weight[..., None]
    visible = cv2.GaussianBlur(small * share, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) / np.maximum(
        weight, LEAST_SHARE
    )
    trust = np.minimum(weight / LEAST_SHARE, 1)
    return cv2.resize(visible * trust + plain * (1 - trust), (width, height), interpolation=cv2.INTER_LINEAR)


class _Film:
    """At every moment the frame that a player would show, from the beginning again after the end."""

    def __init__(self, path: Path, info: MediaInfo, canvas: Canvas, began_s: float | None) -> None:
        self._media, self._info, self._canvas = probe(path), info, canvas
        self._frames = self._read()
        self._shown = next(self._frames)
        self._next = next(self._frames, None)
        self._began_s = began_s
        self._offset_s = 0.0
        self._planes = self._convert(self._shown)

    def planes(
        self, meta: FrameMeta, source: list[np.ndarray], luma_alpha: np.ndarray, chroma_alpha: np.ndarray
    ) -> Planes:
        if self._began_s is None:
            self._began_s = meta.time_s
        now = meta.time_s - self._began_s
        moved = False
        while self._next_s() <= now:
            self._advance()
            moved = True
        if moved:
            self._planes = self._convert(self._shown)
        return self._planes

    def _next_s(self) -> float:
        """When the next frame is due, counted from the composite's first."""
        if self._next is not None:
            return self._offset_s + self._next.meta.time_s - self._first_s
        return self._offset_s + self._shown.meta.time_s - self._first_s + float(1 / self._media.frame_rate)

    def _advance(self) -> None:
        if self._next is not None:
            self._shown, self._next = self._next, next(self._frames, None)
            return
        self._offset_s = self._next_s()
        self._frames = self._read()
        self._shown, self._next = next(self._frames), next(self._frames, None)

    def _read(self) -> Iterator[Frame]:
        frames = Reader(self._media, lambda text: None).frames()
        for number, frame in enumerate(frames):
            if number == 0:
                self._first_s = frame.meta.time_s
            yield frame

    def _convert(self, frame: Frame) -> list[np.ndarray]:
        media = self._media
        rgb = to_rgb(frame.picture, media, (media.height, media.width))
        return _converted(filling(rgb, self._canvas.width, self._canvas.height), self._info, self._canvas)


def filling(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The middle of a picture, enlarged or made smaller to fill a size."""
    own_height, own_width = rgb.shape[:2]
    scale = max(width / own_width, height / own_height)
    size = (max(width, round(own_width * scale)), max(height, round(own_height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grown = cv2.resize(rgb, size, interpolation=method)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(grown[top : top + height, left : left + width])


def _converted(rgb: np.ndarray, info: MediaInfo, canvas: Canvas) -> list[np.ndarray]:
    """sRGB uint8 (H, W, 3) -> float32 planes in the source's colours and the canvas' range."""
    if needs_mapping(info.colour):
        coded = from_sdr(rgb.astype(np.float64) / 255, info.colour)
        picture = av.VideoFrame.from_ndarray((coded * 65535).round().astype(np.uint16), "rgb48le")
    else:
        picture = av.VideoFrame.from_ndarray(rgb, "rgb24")
    planar = to_yuv(picture, info, canvas.pixel_format, full_range=canvas.full_range)
    return [plane_array(planar, index).astype(np.float32) for index in range(3)]
