"""Where the program keeps what, how much that is, and how much room there is."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from birefnet_video.doctor.finding import Finding, Section, State
from birefnet_video.errors import BirefnetVideoError
from birefnet_video.folders import cache_folder, config_folder, state_folder

_GIB = 2**30
#: Room below which a render of some minutes may fail, and below which it does.
_TIGHT_BYTES, _FULL_BYTES = 5 * _GIB, _GIB // 4


def look_at_storage() -> Section:
    """Caches, records and free room."""
    return Section("Storage", (*_folders(), *_room()))


def _folders() -> Iterator[Finding]:
    yield _folder("engines built", cache_folder, "can be removed; they are built again")
    yield _folder("weights (Hugging Face)", _hub_cache, "")
    yield _folder("records of renders", state_folder, "")
    yield _folder("settings", config_folder, "")


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _folder(title: str, find: Callable[[], Path], use: str) -> Finding:
    try:
        path = find()
    except BirefnetVideoError as error:
        return Finding(title, "note", error.message, error.hint or "")
    above = next((each for each in (path, *path.parents) if each.exists()), path)
    if not os.access(above, os.W_OK):
        return Finding(
            title, "broken", f"{path}: {above} cannot be written", "give yourself the right, or name another place"
        )
    if not path.is_dir():
        return Finding(title, "ok", f"nothing yet; {path}")
    return Finding(title, "ok", f"{size_words(folder_bytes(path))} in {path}", use)


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take, links not followed."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(Path(path) / name).st_size
            except OSError:
                # Removed meanwhile.
                continue
    return size


def _room() -> Iterator[Finding]:
    places = {"room here": Path.cwd(), "room for temporary files": Path(tempfile.gettempdir())}
    for title, path in places.items():
        free = shutil.disk_usage(path).free
        state: State = "broken" if free < _FULL_BYTES else "note" if free < _TIGHT_BYTES else "ok"
        yield Finding(title, state, f"{size_words(free)} free", "" if state == "ok" else "make room")


def size_words(count: int) -> str:
    """Bytes in the largest unit that leaves a whole number."""
    for unit, name in ((_GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
