"""Pictures that tell which numbers occur in a network, for engines that count in whole ones."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birefnet_video.errors import InputMissing
from birefnet_video.matting.enlarge import resized
from birefnet_video.media.convert import to_rgb
from birefnet_video.media.probe import probe
from birefnet_video.media.spread import spread_pictures
from birefnet_video.model.picture_files import SUFFIXES, PictureError, read_rgb
from birefnet_video.types import MediaInfo

#: Of a clip, whose pictures are alike, and of a folder.
_OF_A_CLIP, _OF_A_FOLDER = 32, 100
#: Name of the folders beside those of truths.
_PICTURES = "im"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where the pictures come from."""

    words: str
    """For a log."""
    key: str
    """Changes with them."""
    views: Callable[[tuple[int, int]], list[np.ndarray]]
    """Reads them, uint8 (h, w, 3) RGB of a height and width."""


def calibration_of(path: Path) -> Calibration:
    """That of a folder of pictures, or of a video or image sequence.

    Raises:
        InputMissing, NotAVideo: if it is neither.
    """
    return _of_folder(path) if path.is_dir() else calibration_of_clip(probe(path))


def calibration_of_clip(info: MediaInfo) -> Calibration:
    """Pictures from all over a clip."""

    def views(size: tuple[int, int]) -> list[np.ndarray]:
        return [to_rgb(picture, info, size) for picture in spread_pictures(info, _OF_A_CLIP)]

    path = Path(info.path)
    state = path.stat() if path.is_file() else None
    about = (path.resolve(), info.frame_count, state and (state.st_size, state.st_mtime_ns))
    return Calibration(f"frames of {path.name}", _digest(str(about)), views)


def _of_folder(folder: Path) -> Calibration:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    # Of a folder with truths, as training data are, the pictures alone.
    paths = [path for path in paths if path.parent.name == _PICTURES] or paths
    if not paths:
        raise InputMissing(f"{folder}: holds no picture to calibrate on")
    # Evenly, so that no sub-folder is left out.
    chosen = paths[:: max(1, -(-len(paths) // _OF_A_FOLDER))]

    def views(size: tuple[int, int]) -> list[np.ndarray]:
        try:
            return [resized(read_rgb(path), size) for path in chosen]
        except PictureError as error:
            raise InputMissing(f"--calibration: {error}") from None

    about = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in chosen]
    return Calibration(f"pictures of {folder.name}", _digest(str((folder.resolve(), about))), views)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
