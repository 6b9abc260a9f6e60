"""Inputs that are not there as they were named, and what was probably meant."""

import re
from itertools import islice
from pathlib import Path

from birefnet_video.errors import InputMissing

#: Files of a folder that are looked at.
_MOST_FILES = 1000
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx", ".webp", ".bmp", ".tga"}


def missing_input(path: Path) -> InputMissing:
    """Why there is no such input, and what to write instead."""
    if path.is_dir():
        pattern = pictures_in(path)
        example = (
            f"its pictures are {path / pattern}" if pattern else "one video is taken here; a render takes folders, too"
        )
        return InputMissing(f"{path}: is a folder, not a video", hint=example)
    if re.search(r"[*?]|#{2,}", path.name):
        pattern = _pattern_like(path) or re.sub(r"[*?]+|#+", "%04d", path.name, count=1)
        return InputMissing(f"{path}: no such file", hint=f"numbered pictures are named so: {path.parent / pattern}")
    return InputMissing(f"{path}: no such file")


def picture_instead(path: Path) -> str:
    """What to do with a single picture."""
    number = re.search(r"\d+(?=\D*$)", path.stem)
    pattern = _as_pattern(path.name) if number else f"{path.stem}_%d{path.suffix}"
    return f"birefnet-video image takes it; numbered ones are named so: {path.with_name(pattern)}"


def pictures_in(folder: Path) -> str | None:
    """How most numbered pictures of a folder are named."""
    try:
        names = [each.name for each in islice(folder.iterdir(), _MOST_FILES) if each.suffix.lower() in _PICTURES]
    except OSError:
        return None
    patterns = [_as_pattern(name) for name in names if re.search(r"\d", Path(name).stem)]
    return max(set(patterns), key=patterns.count) if patterns else None


def _pattern_like(path: Path) -> str | None:
    """How files are named that a name with wildcards or hashes stands for."""
    wanted = re.compile(re.sub(r"\\\*", ".*", re.sub(r"\\\?", ".", re.sub(r"(\\#)+", r"\\d+", re.escape(path.name)))))
    try:
        found = [each.name for each in islice(path.parent.iterdir(), _MOST_FILES) if wanted.fullmatch(each.name)]
    except OSError:
        return None
    patterns = [_as_pattern(name) for name in found if re.search(r"\d", Path(name).stem)]
    return max(set(patterns), key=patterns.count) if patterns else None


def _as_pattern(name: str) -> str:
    """``shot_0001.png`` -> ``shot_%04d.png``: the last number of the stem."""
    stem, dot, suffix = name.rpartition(".")
    numbers = list(re.finditer(r"\d+", stem))
    if not numbers:
        return name
    last = numbers[-1]
    form = f"%0{len(last[0])}d" if len(last[0]) > 1 else "%d"
    return f"{stem[: last.start()]}{form}{stem[last.end() :]}{dot}{suffix}"
