"""Bands along outlines, in which nobody says what is inside."""

from pathlib import Path

import cv2
import numpy as np
from whole import whole_folder, write_picture_whole

from birefnet_video.pictures.files import list_pictures, read_matte

#: Pixels on either side of an outline that was drawn loosely.
_LOOSE = 3
_UNKNOWN = 128


def disk(radius: int) -> np.ndarray:
    """uint8 (2 * radius + 1, 2 * radius + 1), 1 within."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def unknown_band(matte: np.ndarray, radius: int) -> np.ndarray:
    """A matte, uint8 (H, W), as a trimap: 255 inside, 0 outside, 128 up to ``radius`` pixels from the edge."""
    inside = (matte > 127).astype(np.uint8)
    band = cv2.dilate(inside, disk(radius)) != cv2.erode(inside, disk(radius))
    return np.where(band, _UNKNOWN, inside * 255).astype(np.uint8)


def make_band_set(outlined: Path, target: Path) -> None:
    """Make ``target`` of the set ``outlined``, with ``gt``, its loose edges unknown; what is there stays."""
    if target.exists():
        return
    with whole_folder(target) as partial:
        for part in ("im", "trimap"):
            (partial / part).mkdir(exist_ok=True)
        for stem, path in list_pictures(outlined / "gt").items():
            write_picture_whole(
                partial / "trimap" / f"{stem}.png", unknown_band(read_matte(path, is_truth=True), _LOOSE)
            )
        for path in list_pictures(outlined / "im").values():
            link = partial / "im" / path.name
            if not link.is_symlink():
                link.symlink_to(path.resolve())
