"""Photographs out of repositories, chosen by lot and made small."""

import random
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from repositories import Blob, fetch_repository, list_blobs, listing_digest, read_blobs
from shrink import shrunk
from sources import Photographs
from whole import whole_folder, write_picture_whole

#: Longest side in pixels, and WebP's quality.
_SIDE, _QUALITY = 416, 82
#: Greatest ratio of a photograph's sides.
_RATIO = 2.5
_SEED = 1
#: What sets add to the names of the same pictures.
_ADDED = re.compile(r"^(?:101_ObjectCategories_|images_)|image_")


def fetch_photographs(
    source: Photographs, repositories: Path, target: Path, *, taken: Iterable[str] = (), most: int | None = None
) -> None:
    """Fill ``target`` with a source's photographs, as WebP; what is there stays.

    Args:
        source: a row of the table.
        repositories: folder of all git folders.
        target: folder of the photographs, not there until it is whole.
        taken: stems of pictures of other sets, which are left out.
        most: takes no more than these, in place of the source's own number.

    Raises:
        SystemExit: if the repository cannot be fetched, or its files are not those of the table.
    """
    if target.exists():
        return
    folder = fetch_repository(source.repository, source.commit, repositories)
    blobs = list_blobs(folder, source.commit, source.pattern)
    found = listing_digest(blobs)
    if found != source.listing:
        raise SystemExit(
            f"{source.name}: {len(blobs)} files match {source.pattern!r}, of digest {found}, "
            f"not {source.listing} as sources.toml says"
        )
    chosen = choose(blobs, taken, source.most if most is None else min(most, source.most))
    with whole_folder(target) as partial:
        missing = [blob for blob in chosen if not (partial / f"{picture_name(blob.path)}.webp").exists()]
        for blob, content in read_blobs(folder, missing):
            picture = _decoded(content, source.least_side)
            if picture is not None:
                write_picture_whole(partial / f"{picture_name(blob.path)}.webp", shrunk(picture, _SIDE), _QUALITY)
    print(f"{source.name}: {len(list(target.iterdir()))} photographs", flush=True)


def choose(blobs: Iterable[Blob], taken: Iterable[str], most: int) -> list[Blob]:
    """At most ``most`` files by lot, none of which shows a picture of the names ``taken``."""
    known = {_plain(name) for name in taken}
    fitting = [blob for blob in blobs if _plain(picture_name(blob.path)) not in known]
    random.Random(_SEED).shuffle(fitting)
    return fitting[:most]


def picture_name(path: str) -> str:
    """Folder and name of a file in one word, without suffix."""
    return "_".join(PurePosixPath(path).with_suffix("").parts[-2:]).replace(" ", "_")


def _plain(name: str) -> str:
    return _ADDED.sub("", name)


def _decoded(content: bytes, least_side: int) -> np.ndarray | None:
    """uint8 (H, W, 3) RGB, or ``None`` if it is no picture, too small or too long."""
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None or min(bgr.shape[:2]) < least_side or max(bgr.shape[:2]) > _RATIO * min(bgr.shape[:2]):
        return None
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
