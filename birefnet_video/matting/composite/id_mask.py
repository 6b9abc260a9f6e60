"""The subjects of a frame told apart, by colours or each in a plane of its own; and all of them together."""

from collections.abc import Sequence

import av
import numpy as np

from birefnet_video.colour.convert import plane_array
from birefnet_video.options.palette import PALETTE
from birefnet_video.types import Cutout

#: Alpha from which a pixel is somebody's.
_HELD = 0.5
#: Where red, green and blue lie in a pixel, and how many bytes it has.
_PACKED = {"bgr0": ((2, 1, 0), 4), "rgb24": ((0, 1, 2), 3)}


def coloured(cutout: Cutout, pixel_format: str) -> av.VideoFrame:
    """A colour of the palette where a subject's alpha is the largest and at least 0.5; black elsewhere.

    Args:
        cutout: with the alpha of each subject.
        pixel_format: ``bgr0`` or ``rgb24``.
    """
    alphas = (cutout.alpha, *cutout.others)
    owner = np.zeros(cutout.alpha.shape, np.uint8)
    largest = np.full(cutout.alpha.shape, np.nextafter(np.float32(_HELD), np.float32(0)), np.float32)
    for number, alpha in enumerate(alphas, 1):
        is_more = alpha > largest
        owner[is_more] = number
        largest[is_more] = alpha[is_more]
    colours = np.array([(0, 0, 0), *PALETTE], np.uint8)[owner]
    height, width = cutout.alpha.shape
    made = av.VideoFrame(width, height, pixel_format)
    places, size = _PACKED[pixel_format]
    plane = made.planes[0]
    samples = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, : width * size]
    pixels = samples.reshape(height, width, size)
    pixels[:] = 0
    for channel, place in enumerate(places):
        pixels[..., place] = colours[..., channel]
    return made


def layered(cutout: Cutout) -> av.VideoFrame:
    """Everybody's alpha and that of each subject, one below the other: float32, see :class:`LayeredExr`."""
    alphas: Sequence[np.ndarray] = (cutout.alpha, *cutout.others)
    height, width = cutout.alpha.shape
    made = av.VideoFrame(width, height * (1 + len(alphas)), "grayf32le")
    plane_array(made, 0)[:] = np.concatenate((together(alphas), *alphas))
    return made


def together(alphas: Sequence[np.ndarray]) -> np.ndarray:
    """Everybody's alpha float32 (H, W) of those of each."""
    return alphas[0] if len(alphas) == 1 else np.minimum(np.sum(alphas, axis=0), np.float32(1))
