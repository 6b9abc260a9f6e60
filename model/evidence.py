"""The bundled pictures with known mattes."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np

#: The first is a photograph, and its matte an outline drawn by hand; the mattes of the others are exact.
_NAMES = ("evidence", "evidence_cup", "evidence_orbit", "evidence_fur")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A picture and its matte."""

    rgb: np.ndarray
    """uint8 (H, W, 3)."""
    alpha: np.ndarray
    """float32 (H, W) in [0, 1]."""


def evidence() -> Iterator[Evidence]:
    """The pictures, one after another."""
    for name in _NAMES:
        bgr = _read(f"{name}.jpg", cv2.IMREAD_COLOR)
        matte = _read(f"{name}_matte.png", cv2.IMREAD_GRAYSCALE)
        yield Evidence(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), matte.astype(np.float32) / 255)


def read_evidence() -> tuple[np.ndarray, np.ndarray]:
    """The photograph uint8 (H, W, 3) RGB and its matte bool (H, W)."""
    first = next(evidence())
    return first.rgb, first.alpha > 0.5


def _read(name: str, flag: int) -> np.ndarray:
    data = files("birefnet_video.model.weights").joinpath(name).read_bytes()
    return cv2.imdecode(np.frombuffer(data, np.uint8), flag)
