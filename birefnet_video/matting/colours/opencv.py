"""The subject's own colour under soft edges, freed from the background's and from the light of a coloured screen."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Generic

import cv2
import numpy as np

from birefnet_video.colour.convert import luma_weights
from birefnet_video.errors import BackendUnavailable
from birefnet_video.matting.colours.multilevel import estimation, is_loaded
from birefnet_video.matting.filters.opencv import Plane, enlarged_part, parts, resized
from birefnet_video.options.matte import ColourSpec, Despill
from birefnet_video.types import ColourTags

#: Longest side of the pictures that smooth colours are estimated in.
_SMALL_SIDE = 512
#: Sides of the windows of the coarse and of the fine pass, as shares of the longest side.
_COARSE, _FINE = 0.2, 0.006
#: Share of a window below which a colour's smooth part fades into what was filmed.
_EPSILON = 1e-4
#: Alpha nearer to 0 or 1 than this counts as none, or all: such pixels keep their colour, which hardly shows or hardly
#: differs.
CLEAR = 2 / 255


@dataclass(frozen=True, slots=True)
class Space:
    """What the numbers of a picture's three planes mean."""

    bits: int
    """Of a sample."""
    colour: ColourTags | None = None
    """The matrix of YUV; ``None``: the planes are red, green and blue."""
    full_range: bool = True

    @property
    def top(self) -> int:
        """The largest sample."""
        return (1 << self.bits) - 1


class Retoucher:
    """Frees pictures from what the old background left in the subject."""

    def __init__(self, spec: ColourSpec) -> None:
        """
        Raises:
            BackendUnavailable: if it needs a library that is not installed.
        """
        self._spec = spec
        # PyMatting computes on threads of its own and ends the process if it is called from two at once.
        self._solving = threading.Lock()
        if spec.decontaminate == "best" and find_spec("pymatting") is None:
            raise BackendUnavailable(
                "--decontaminate best: PyMatting is not installed", hint="pip install 'birefnet-video[foreground]'"
            )

    @property
    def must_compile(self) -> bool:
        """Whether its library compiles itself when it is used first, which takes several seconds."""
        return self._spec.decontaminate == "best" and not is_loaded()

    def warm_up(self) -> None:
        """Use it once, so that the first frame need not wait."""
        plane = np.zeros((16, 16), np.uint8)
        alpha = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
        self.apply([plane, plane.copy(), plane.copy()], alpha, Space(8))

    @property
    def changes_anything(self) -> bool:
        """Whether pictures need to be copied first."""
        return self._spec.decontaminate != "off" or self._spec.despill != "off"

    def apply(self, planes: list[np.ndarray], alpha: np.ndarray, space: Space) -> None:
        """
        Args:
            planes: integer samples of three components, of full or subsampled size; changed in place.
            alpha: float32 (H, W) in [0, 1], of the first plane's size.
            space: of the planes.
        """
        if self._spec.decontaminate == "fast":
            fuse(planes, alpha, space.top)
        elif self._spec.decontaminate == "best":
            with self._solving:
                solve(planes, alpha, space.top)
        self.despill(planes, alpha, space)

    def despill(self, planes: list[np.ndarray], alpha: np.ndarray, space: Space) -> None:
        """The second half of :meth:`apply`."""
        if self._spec.despill != "off":
            despill(planes, alpha, self._spec.despill, space)


def fuse(planes: list[np.ndarray], alpha: np.ndarray, top: int) -> None:
    """Blur fusion (Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021), its smooth parts at a small size.

    With F and B the smooth colours of subject and background, the subject's colour is F + alpha (I - alpha F -
    (1 - alpha) B), by which the picture I keeps its detail; with E = F + alpha (F - B) that is E + alpha (I - E). As it
    is linear in colour, it works on any planes.

    Args:
        planes: integer samples of three components of one colour space, of full or subsampled size; those of soft
            pixels are replaced.
        alpha: float32 (H, W) in [0, 1], of the first plane's size.
        top: the largest sample.
    """
    shape = small_shape(*alpha.shape)
    # With a pixel around for planes whose pixels lie between those of alpha.
    marks = cv2.dilate(resized(_soft(alpha), shape), np.ones((3, 3), np.uint8)) > 0
    if not marks.any():
        return
    smooth = SmoothColours(resized(alpha, shape), square_mean)
    own_alpha = {plane.shape: resized(alpha, plane.shape) for plane in planes}
    for plane in planes:
        subject, behind = smooth.of(resized(plane, shape).astype(np.float32))
        lead = subject - behind
        for here, there in parts(marks, plane.shape):
            own, difference = (enlarged_part(each, here, there, plane.shape) for each in (subject, lead))
            free(plane[there], own_alpha[plane.shape][there], own, difference, top)


def free(samples: np.ndarray, alpha: np.ndarray, subject: np.ndarray, lead: np.ndarray, top: int) -> None:
    """Replace soft samples; see :func:`fuse`. In few arrays and few passes: memory is what this costs.

    Args:
        samples: integers (h, w).
        alpha: float32 (h, w) in [0, 1].
        subject: its smooth colour, float32 (h, w); used up.
        lead: what it has more of than the background's, float32 (h, w); used up.
        top: the largest sample.
    """
    cv2.multiply(lead, alpha, dst=lead)
    cv2.add(lead, subject, dst=lead)
    kept = cv2.subtract(samples, lead, dst=subject, dtype=cv2.CV_32F)
    cv2.multiply(kept, alpha, dst=kept)
    # Rounds, and keeps to the type's range.
    freed = cv2.add(kept, lead, dtype=cv2.CV_8U if samples.itemsize == 1 else cv2.CV_16U)
    if top < np.iinfo(samples.dtype).max:
        np.minimum(freed, top, out=freed)
    cv2.copyTo(freed, _soft(alpha), samples)


def small_shape(height: int, width: int) -> tuple[int, int]:
    """A size for smooth colours, if possible a whole fraction of the picture's: its parts can be small then."""
    least = -(-max(height, width) // _SMALL_SIDE)
    whole = (factor for factor in range(least, least + 3) if height % factor == 0 and width % factor == 0)
    factor = next(whole, least)
    return max(1, round(height / factor)), max(1, round(width / factor))


def _soft(alpha: np.ndarray) -> np.ndarray:
    """uint8 like ``alpha``: 255 where it is soft, else 0."""
    return cv2.inRange(alpha, CLEAR, 1 - CLEAR)  # type: ignore[call-overload, no-any-return]


class _Pass(Generic[Plane]):
    """What the blurs of all planes have in common."""

    def __init__(self, alpha: Plane, share_of_side: float, blur: Callable[[Plane, int], Plane]) -> None:
        """
        Args:
            alpha: float32 (h, w).
            share_of_side: side of the window, as a share of the longest side.
            blur: takes the mean of a square of so many pixels a side.
        """
        self.alpha: Plane = alpha
        self._side: int = max(3, round(share_of_side * max(alpha.shape))) | 1
        self._blur: Callable[[Plane, int], Plane] = blur
        self._share: Plane = blur(alpha, self._side)

    def blur(self, subject: Plane, behind: Plane) -> tuple[Plane, Plane]:
        """Colours blurred as far as they are the subject's, and the background's."""
        return (
            (self._blur(subject * self.alpha, self._side) + _EPSILON * subject) / (self._share + _EPSILON),
            (self._blur(behind * (1 - self.alpha), self._side) + _EPSILON * behind) / (1 - self._share + _EPSILON),
        )


class SmoothColours(Generic[Plane]):
    """Smooth colours of subject and background; see :func:`fuse`."""

    def __init__(self, alpha: Plane, blur: Callable[[Plane, int], Plane]) -> None:
        """
        Args:
            alpha: float32 (h, w) in [0, 1].
            blur: takes the mean of a square of so many pixels a side.
        """
        self._coarse: _Pass[Plane] = _Pass(alpha, _COARSE, blur)
        self._fine: _Pass[Plane] = _Pass(alpha, _FINE, blur)

    def of(self, samples: Plane) -> tuple[Plane, Plane]:
        """Those of one plane, float32 (h, w)."""
        alpha = self._coarse.alpha
        subject, behind = self._coarse.blur(samples, samples)
        subject = subject + alpha * (samples - alpha * subject - (1 - alpha) * behind)
        return self._fine.blur(subject, behind)


def square_mean(x: np.ndarray, side: int) -> np.ndarray:
    """Means of a square around every pixel."""
    return cv2.blur(x, (side, side), borderType=cv2.BORDER_REPLICATE)


def solve(planes: list[np.ndarray], alpha: np.ndarray, top: int) -> None:
    """Multi-level estimation (Germer et al., ICPR 2020), by PyMatting: slower and better; see :func:`fuse`."""
    # It cannot do with a single line.
    if min(alpha.shape) < 2 or not _soft(alpha).any():
        return
    picture = np.stack([resized(plane, alpha.shape) for plane in planes], -1).astype(np.float32) / top
    freed = estimation()(picture, alpha) * top + 0.5
    for index, plane in enumerate(planes):
        share = resized(alpha, plane.shape)
        samples = resized(np.ascontiguousarray(freed[..., index], np.float32), plane.shape).astype(plane.dtype)
        np.copyto(plane, samples, where=_soft(share) > 0)


def despill(planes: list[np.ndarray], alpha: np.ndarray, screen: Despill, space: Space) -> None:
    """Take out of the subject what a green or blue screen has more of than the mean of the other two colours.

    Args:
        planes: as of :func:`fuse`; where alpha is above 0 they are changed in place.
        alpha: float32 (H, W) in [0, 1].
        screen: its colour.
        space: of the planes.
    """
    weights, change = spill_terms(screen, space)
    neutral = np.float32(0 if space.colour is None else 1 << (space.bits - 1))
    # Luma says nothing about spill, so YUV has it at the size of its chroma.
    shape = planes[1].shape
    excess = sum(
        np.float32(weight) * (resized(plane, shape).astype(np.float32) - neutral)
        for plane, weight in zip(planes, weights, strict=True)
        if weight
    )
    excess = np.maximum(excess, 0)
    if not excess.any():
        return
    for plane, per_excess in zip(planes, change, strict=True):
        if per_excess:
            shifted = plane + np.float32(per_excess) * resized(excess, plane.shape) + np.float32(0.5)
            changed = np.clip(shifted, 0, space.top).astype(plane.dtype)
            np.copyto(plane, changed, where=resized(alpha, plane.shape) > CLEAR)


def spill_terms(screen: Despill, space: Space) -> tuple[list[float], list[float]]:
    """How three samples add up to spill, and what of it goes to each of them (ITU-T H.273 section 8.3 for YUV)."""
    of_rgb = [-0.5, 1.0, -0.5] if screen == "green" else [-0.5, -0.5, 1.0]
    change = [-float(weight == 1) for weight in of_rgb]
    if space.colour is None:
        return of_rgb, change
    red, blue = luma_weights(space.colour)
    to_luma = np.array([red, 1 - red - blue, blue])
    to_yuv = np.stack(
        (
            to_luma,
            (np.array([0, 0, 1]) - to_luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - to_luma) / (2 * (1 - red)),
        )
    )
    luma_scale, chroma_scale = (1.0, 1.0) if space.full_range else (219 / 255, 224 / 255)
    to_yuv *= np.array([[luma_scale], [chroma_scale], [chroma_scale]])
    weights = np.array(of_rgb) @ np.linalg.inv(to_yuv)
    weights[0] = 0
    return list(weights), list(to_yuv @ np.array(change))
