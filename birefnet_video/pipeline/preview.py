"""A small picture of the frame that is composed, for whoever watches; made only when one was asked for."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from birefnet_video.colour.convert import to_rgb
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.types import Cutout, MediaInfo, Preview

_log = logging.getLogger(__name__)
#: Gives what goes out at a height and width, uint8 (H, W, 3).
Sent = Callable[[tuple[int, int]], np.ndarray]
#: Sides of a preview, in pixels.
_LEAST_SIDE, _MOST_SIDE = 2, 2048


class Tap(Protocol):
    """Where a watcher gets pictures of a render."""

    def ask(self, width: int, height: int, zoom: int = 1) -> Preview | None:
        """See :meth:`PreviewTap.ask`."""
        ...


@dataclass(frozen=True, slots=True)
class _Wish:
    width: int
    height: int
    zoom: int


class PreviewTap:
    """Hands pictures from the pipeline to a watcher. All methods from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wish: _Wish | None = None
        self._latest: Preview | None = None

    def ask(self, width: int, height: int, zoom: int = 1) -> Preview | None:
        """
        Args:
            width: in which the next picture must fit; it keeps its shape.
            height: the same.
            zoom: 1 for the whole picture; above, a part enlarged so many times, around the softest edge.

        Returns:
            the latest picture that was asked for, if there is one.
        """
        width, height = (min(max(side, _LEAST_SIDE), _MOST_SIDE) for side in (width, height))
        with self._lock:
            self._wish = _Wish(width, height, max(1, zoom))
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
    shape = info.width * float(info.sample_aspect_ratio) / info.height
    width = min(wish.width, max(1, round(wish.height * shape)))
    height = min(wish.height, max(1, round(width / shape)))
    zoom = max(1, min(wish.zoom, info.width // width, info.height // height))
    large = (height * zoom, width * zoom)
    rgb, alpha = to_rgb(cutout.frame.picture, info, large), resized(cutout.alpha, large)
    top, left = _softest(alpha, height, width) if zoom > 1 else (0, 0)
    part = (slice(top, top + height), slice(left, left + width))
    samples = (alpha[part] * 255 + 0.5).astype(np.uint8)
    out = np.ascontiguousarray(sent(large)[part]) if sent is not None else None
    return Preview(cutout.frame.meta, np.ascontiguousarray(rgb[part]), samples, out)


def _softest(alpha: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """Top and left of the window of ``height`` x ``width`` that holds most of the soft edges."""
    soft = (alpha * (1 - alpha)).astype(np.float64)
    sums = np.pad(soft.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    held = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(held.argmax(), held.shape)
    return int(top), int(left)
