"""Cut-outs of packages as folders of RGBA pictures: stamps, renders, clip art."""

import hashlib
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from shrink import shrunk
from whole import whole_folder, write_picture_whole

from birefnet_video.pictures.files import PictureError, read_rgba

#: Longest sides in pixels.
_STAMP, _RENDER, _CLIPART = 640, 256, 320
#: Least and greatest share of a drawing or render that is opaque.
_RENDER_AREA, _CLIPART_AREA = (0.03, 0.85), (0.05, 0.80)
_CLIPARTS, _LEAST_CLIPART, _GREATEST_CLIPART = 1500, 64, 4000
#: Code points of flags' letters, flags' tags and skin tones; renders with them are left out as all alike.
_LEFT_OUT = ((0x1F1E6, 0x1F1FF), (0xE0020, 0xE007F), (0x1F3FB, 0x1F3FF))

HERE = Path(__file__).parent

Cutouts = Iterator[tuple[str, np.ndarray]]


def make_cutouts(packages: Path, data: Path, most: int | None = None) -> None:
    """Make ``data/{stamps,renders,clipart}`` that are not there yet, with at most ``most`` pictures each."""
    makers: dict[str, Callable[[Path], Cutouts]] = {"stamps": _stamps, "renders": _renders, "clipart": _cliparts}
    for name, make in makers.items():
        if not (data / name).exists():
            print(f"making {name}", flush=True)
            with whole_folder(data / name) as partial:
                for stem, rgba in islice(make(packages), most):
                    write_picture_whole(partial / f"{stem}.png", rgba)


def _stamps(packages: Path) -> Cutouts:
    """The photographed cut-outs of stamps.txt."""
    source = packages / "tuxpaint-stamps-default" / "usr" / "share" / "tuxpaint" / "stamps"
    for i, name in enumerate((HERE / "stamps.txt").read_text().splitlines()):
        yield f"{i:03d}", shrunk(read_rgba(source / name), _STAMP)


def _renders(packages: Path) -> Cutouts:
    """Renders of objects and faces, without flags and without variants in skin tone."""
    for path in sorted((packages / "fluent-emoji-3d" / "package" / "assets").glob("*.webp")):
        points = [int(point, 16) for point in path.stem.split("-")]
        if any(low <= point <= high for point in points for low, high in _LEFT_OUT):
            continue
        rgba = read_rgba(path)
        if _RENDER_AREA[0] <= (rgba[..., 3] > 127).mean() <= _RENDER_AREA[1]:
            yield path.stem, shrunk(rgba, _RENDER)


def _cliparts(packages: Path) -> Cutouts:
    """A fixed choice of drawings."""
    source = packages / "openclipart-png" / "usr" / "share" / "openclipart" / "png"
    paths = sorted(path for path in source.rglob("*.png") if path.is_file() and "flags" not in path.parts)
    random.Random(0).shuffle(paths)
    seen: set[bytes] = set()
    for path in paths:
        if len(seen) == _CLIPARTS:
            break
        try:
            rgba = read_rgba(path)
        except PictureError:
            continue
        if min(rgba.shape[:2]) < _LEAST_CLIPART or max(rgba.shape[:2]) > _GREATEST_CLIPART:
            continue
        small = shrunk(rgba, _CLIPART)
        digest = hashlib.md5(small.tobytes()).digest()
        if digest in seen or not _CLIPART_AREA[0] <= (small[..., 3] > 127).mean() <= _CLIPART_AREA[1]:
            continue
        yield f"{len(seen):04d}", small
        seen.add(digest)
