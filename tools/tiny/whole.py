"""Files and folders that are there only when they are whole, so that what was interrupted goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and give it its own when it is complete."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def write_picture_whole(path: Path, picture: np.ndarray, quality: int | None = None) -> None:
    """Write a picture in the form of its suffix, at once.

    Args:
        path: its file.
        picture: uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA.
        quality: of WebP, 1 to 100.
    """
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    options = [] if quality is None else [cv2.IMWRITE_WEBP_QUALITY, quality]
    write_whole(path, cv2.imencode(path.suffix, picture, options)[1].tobytes())


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which gets the name ``target`` at the end; what an earlier try left in it is there."""
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    yield partial
    partial.rename(target)
