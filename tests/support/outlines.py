"""Frames of the samples that were outlined by hand."""

from pathlib import Path

import av
import cv2
import numpy as np

SAMPLES = Path(__file__).parents[2] / "samples"
#: Pixels along the outline that are neither inside nor outside: nobody draws more exactly.
_EDGE = 9


def outlined(sample: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Frames of ``dog`` or ``bunny`` that have an outline: number, uint8 RGB (H, W, 3), and bool (H, W), inside."""
    known = {int(path.stem): path for path in (SAMPLES / f"{sample}_outlines").glob("*.png")}
    with av.open(str(SAMPLES / f"{sample}.mp4")) as container:
        return [
            (number, frame.to_ndarray(format="rgb24"), cv2.imread(str(known[number]), cv2.IMREAD_GRAYSCALE) > 127)
            for number, frame in enumerate(container.decode(video=0))
            if number in known
        ]


def agreement(alpha: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Intersection over union at one half, and mean alpha inside, away from the edge.

    Args:
        alpha: float32 (H, W) in [0, 1].
        inside: bool (H, W).
    """
    found = alpha > 0.5
    core = cv2.erode(inside.astype(np.uint8), np.ones((_EDGE, _EDGE), np.uint8)) > 0
    return float((found & inside).sum() / max((found | inside).sum(), 1)), float(alpha[core].mean())
