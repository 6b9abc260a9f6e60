"""A small picture of the frame that is composed, for whoever watches; made only when one was asked for."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from birefnet_video.colour.convert import to_rgb
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.types import OWN_PIXELS, Cutout, MediaInfo, Preview

_log = logging.getLogger(__name__)
#: Gives what goes out at a height and width, uint8 (H, W, 3).
Sent = Callable[[tuple[int, int]], np.ndarray]
#: Sides of a preview, in pixels.
_LEAST_SIDE, _MOST_SIDE = 2, 2048


class Tap(Protocol):
    """Where a watcher gets pictures of a render."""

    def ask(self, width: int, height: int, zoom: int = 1, at: tuple[float, float] | None = None) -> Preview | None:
        """See :meth:`PreviewTap.ask`."""
        ...


@dataclass(frozen=True, slots=True)
class _Wish:
    width: int
    height: int
    zoom: int
    at: tuple[float, float] | None


class PreviewTap:
    """Hands pictures from the pipeline to a watcher. All methods from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wish: _Wish | None = None
        self._latest: Preview | None = None

    def ask(self, width: int, height: int, zoom: int = 1, at: tuple[float, float] | None = None) -> Preview | None:
        """
        Args:
            width: in which the next picture must fit; it keeps its shape.
            height: the same.
            zoom: 1 for the whole picture; above, a part enlarged so many times; :data:`OWN_PIXELS`: a part as it is.
            at: centre of the part, as shares of width and height; ``None``: the softest edge.

        Returns:
            the latest picture that was asked for, if there is one.
        """
        width, height = (min(max(side, _LEAST_SIDE), _MOST_SIDE) for side in (width, height))
        with self._lock:
            self._wish = _Wish(width, height, max(OWN_PIXELS, zoom), at)
            return self._latest

    def offer(self, cutout: Callable[[], Cutout], info: MediaInfo, sent: Sent | None = None) -> None:
        """Take a picture of what ``cutout`` gives, if one was asked for.

        Args:
            cutout: gives the frame and its alpha.
            info: of the input.
            sent: gives what goes out, uint8 (H, W, 3) of a height and width.
        """
        with self._lock:
            wish, self._wish = self._wish, None
        if wish is None:
            return
        try:
            picture = _picture(cutout(), info, wish, sent)
        except Exception:  # noqa: BLE001 - the border to who watches: a render goes on without a picture of it
            _log.exception("a preview could not be made")
            return
        with self._lock:
            self._latest = picture


def _picture(cutout: Cutout, info: MediaInfo, wish: _Wish, sent: Sent | None) -> Preview:
    (height, width), large = _sizes(info, wish)
    rgb, alpha = to_rgb(cutout.frame.picture, info, large), resized(cutout.alpha, large)
    top, left = (0, 0) if (height, width) == large else _place(alpha, height, width, wish.at)
    part = (slice(top, top + height), slice(left, left + width))
    samples = (alpha[part] * 255 + 0.5).astype(np.uint8)
    out = np.ascontiguousarray(sent(large)[part]) if sent is not None else None
    shares = (left / large[1], top / large[0], width / large[1], height / large[0])
    return Preview(cutout.frame.meta, np.ascontiguousarray(rgb[part]), samples, out, shares)


def _sizes(info: MediaInfo, wish: _Wish) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width of the picture, and of the whole frame as large as it is in it."""
    across = info.width * float(info.sample_aspect_ratio)
    if wish.zoom == OWN_PIXELS:
        large = (info.height, max(1, round(across)))
        return (min(wish.height, large[0]), min(wish.width, large[1])), large
    shape = across / info.height
    width = min(wish.width, max(1, round(wish.height * shape)))
    height = min(wish.height, max(1, round(width / shape)))
    zoom = max(1, min(wish.zoom, info.width // width, info.height // height))
    return (height, width), (height * zoom, width * zoom)


def _place(alpha: np.ndarray, height: int, width: int, at: tuple[float, float] | None) -> tuple[int, int]:
    """Top and left of the window of ``height`` x ``width``."""
    if at is None:
        return _softest(alpha, height, width)
    corner = (round(at[1] * alpha.shape[0] - height / 2), round(at[0] * alpha.shape[1] - width / 2))
    return min(max(0, corner[0]), alpha.shape[0] - height), min(max(0, corner[1]), alpha.shape[1] - width)


def _softest(alpha: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """Top and left of the window of ``height`` x ``width`` that holds most of the soft edges."""
    soft = (alpha * (1 - alpha)).astype(np.float64)
    sums = np.pad(soft.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    held = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(held.argmax(), held.shape)
    return int(top), int(left)
