"""Pictures that tell which numbers occur in a network, for engines that count in whole ones."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birefnet_video.colour.convert import to_rgb
from birefnet_video.errors import InputMissing
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.sampling import spread_pictures
from birefnet_video.limits import DEFAULT_LIMITS, Limits
from birefnet_video.pictures.files import SUFFIXES, PictureError, read_rgb
from birefnet_video.pictures.still import still
from birefnet_video.types import MediaInfo

#: Of a clip, whose pictures are alike, and of a folder.
_OF_A_CLIP, _OF_A_FOLDER = 32, 100
#: Bytes of either end of a video that tell it from others.
_END_BYTES = 1 << 20
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


def calibration_of(
    path: Path, limits: Limits = DEFAULT_LIMITS, tell: Callable[[str], None] = lambda message: None
) -> Calibration:
    """That of a folder of pictures, or of a video or image sequence.

    Args:
        path: of it.
        limits: of a video.
        tell: takes what a user should know.

    Raises:
        InputMissing, NotAVideo: if it is neither.
    """
    return _of_folder(path, tell) if path.is_dir() else _of_clip(probe(path, limits=limits))


def _of_clip(info: MediaInfo) -> Calibration:
    """Pictures from all over it."""

    def views(size: tuple[int, int]) -> list[np.ndarray]:
        return [to_rgb(picture, info, size) for picture in spread_pictures(info, _OF_A_CLIP)]

    path = Path(info.path)
    if info.sequence is None:
        # By what it holds: what comes by standard input has another name every time.
        state: object = _ends(path)
    else:
        state = [_state(path.with_name(path.name % number)) for number in info.sequence.numbers]
    return Calibration(f"frames of {path.name}", _digest(str((info.frame_count, state))), views)


def _of_folder(folder: Path, tell: Callable[[str], None]) -> Calibration:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    # Of a folder with truths, as training data are, the pictures alone.
    paths = [path for path in paths if path.parent.name == _PICTURES] or paths
    if not paths:
        raise InputMissing(f"{folder}: holds no picture to calibrate on")
    # Evenly, so that no sub-folder is left out.
    chosen = paths[:: max(1, -(-len(paths) // _OF_A_FOLDER))]

    def views(size: tuple[int, int]) -> list[np.ndarray]:
        found, broken = [], []
        for path in chosen:
            try:
                frame, info = still(read_rgb(path))
                found.append(to_rgb(frame.picture, info, size))
            except PictureError as error:
                broken.append(str(error))
        if broken:
            more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
            tell(f"--calibration: left out: {broken[0]}{more}")
        return found

    about = [(str(path.relative_to(folder)), *_state(path)) for path in chosen]
    return Calibration(f"pictures of {folder.name}", _digest(str((folder.resolve(), about))), views)


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _ends(path: Path) -> tuple[int, str]:
    """The size of a file, and a name for its beginning and its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_END_BYTES)
        file.seek(max(0, size - _END_BYTES))
        return size, hashlib.sha256(head + file.read(_END_BYTES)).hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
