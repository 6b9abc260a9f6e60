"""Lay out `tiny`'s training material as picture sets: photographs put in place by hand, the rest from packages."""

import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from judge import judge
from rcc import read_resources

from birefnet_video.pictures.files import PictureError, read_rgba, write_picture

#: Sets of photographs that no package holds.
BY_HAND = ("persons", "pets", "animals", "faces", "clothing", "street", "objects", "backgrounds")
#: Sets whose automatic labels are checked, and the least agreement with the second network.
_VETTED, _TRUST = ("objects", "clothing", "gcompris"), 0.45
#: Most subject pixels that the second network may see in an empty background.
_EMPTY = 0.02
#: Longest sides in pixels.
_PHOTOGRAPH, _STAMP, _RENDER, _CLIPART = 512, 640, 256, 320
#: Least and greatest share of a drawing or render that is opaque.
_RENDER_AREA, _CLIPART_AREA = (0.03, 0.85), (0.05, 0.80)
_CLIPARTS, _LEAST_CLIPART, _GREATEST_CLIPART = 1500, 64, 4000
#: Code points of flags' letters, flags' tags and skin tones; renders with them are left out as all alike.
_LEFT_OUT = ((0x1F1E6, 0x1F1FF), (0xE0020, 0xE007F), (0x1F3FB, 0x1F3FF))
_LABELLER_SIDE = 1024

HERE = Path(__file__).parent


def prepare(packages: Path, data: Path) -> None:
    """Make every set under ``data`` that is not there yet.

    Raises:
        SystemExit: if photographs that must be put in place by hand are missing; names all of them.
    """
    missing = [name for name in BY_HAND if not (data / name / "im").is_dir()]
    if missing:
        names = ", ".join(missing)
        raise SystemExit(
            f"{data}: put these sets there by hand, each with im/ and, but for backgrounds, gt/, teacher/ or trimap/: "
            f"{names}. Their sources are in model/weights/MODEL_CARD.md."
        )
    for name, make in (
        ("gcompris", _photographs),
        ("stamps", _stamps),
        ("renders", _renders),
        ("clipart", _cliparts),
    ):
        if not (data / name).exists():
            print(f"making {name}", flush=True)
            partial = data / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            make(packages, partial)
            partial.rename(data / name)
    for name in (*_VETTED, "backgrounds"):
        if not (data / name / "exclude.txt").exists():
            print(f"vetting {name}", flush=True)
            _vet(packages / "u2netp.onnx", data / name)


def _photographs(packages: Path, target: Path) -> None:
    """The photographs of photographs.txt, with labels by IS-Net."""
    import openvino

    core = openvino.Core()
    labeller = core.compile_model(core.read_model(packages / "isnet.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    for part in ("im", "teacher"):
        (target / part).mkdir(parents=True)
    archives = packages / "gcompris-qt-data" / "usr" / "share" / "gcompris-qt" / "rcc"
    for number, content in _chosen_resources(archives):
        rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        x = cv2.resize(rgb, (_LABELLER_SIDE, _LABELLER_SIDE)).astype(np.float32) / 255 - 0.5
        alpha = np.squeeze(labeller(x.transpose(2, 0, 1)[None])[0]).astype(np.float32)
        small = _shrunk(rgb, _PHOTOGRAPH)
        matte = cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA)
        write_picture(target / "im" / f"{number}.jpg", small)
        write_picture(target / "teacher" / f"{number}.png", (matte.clip(0, 1) * 255).round().astype(np.uint8))


def _chosen_resources(archives: Path) -> Iterator[tuple[str, bytes]]:
    """Number and content of the photographs of photographs.txt."""
    wanted: dict[str, dict[str, str]] = {}
    for line in (HERE / "photographs.txt").read_text().splitlines():
        number, _, place = line.partition(" ")
        archive, _, name = place.partition("/")
        wanted.setdefault(archive, {})[name] = number
    for archive, names in wanted.items():
        for name, content in read_resources(archives / f"{archive}.rcc"):
            if name in names:
                yield names[name], content


def _stamps(packages: Path, target: Path) -> None:
    """The photographed cut-outs of stamps.txt."""
    source = packages / "tuxpaint-stamps-default" / "usr" / "share" / "tuxpaint" / "stamps"
    target.mkdir()
    for i, name in enumerate((HERE / "stamps.txt").read_text().splitlines()):
        _write_rgba(target / f"{i:03d}.png", _shrunk(read_rgba(source / name), _STAMP))


def _renders(packages: Path, target: Path) -> None:
    """Renders of objects and faces, without flags and without variants in skin tone."""
    target.mkdir()
    for path in sorted((packages / "fluent-emoji-3d" / "package" / "assets").glob("*.webp")):
        points = [int(point, 16) for point in path.stem.split("-")]
        if any(low <= point <= high for point in points for low, high in _LEFT_OUT):
            continue
        rgba = read_rgba(path)
        if _RENDER_AREA[0] <= (rgba[..., 3] > 127).mean() <= _RENDER_AREA[1]:
            _write_rgba(target / f"{path.stem}.png", _shrunk(rgba, _RENDER))


def _cliparts(packages: Path, target: Path) -> None:
    """A fixed choice of drawings."""
    source = packages / "openclipart-png" / "usr" / "share" / "openclipart" / "png"
    paths = sorted(path for path in source.rglob("*.png") if path.is_file() and "flags" not in path.parts)
    random.Random(0).shuffle(paths)
    target.mkdir()
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
        small = _shrunk(rgba, _CLIPART)
        digest = hashlib.md5(small.tobytes()).digest()
        if digest in seen or not _CLIPART_AREA[0] <= (small[..., 3] > 127).mean() <= _CLIPART_AREA[1]:
            continue
        _write_rgba(target / f"{len(seen):04d}.png", small)
        seen.add(digest)


def _vet(u2netp: Path, folder: Path) -> None:
    """Name in exclude.txt what a second network does not agree with, or backgrounds in which it sees a subject."""
    labels = folder / "teacher" if (folder / "teacher").is_dir() else None
    scores = judge(u2netp, folder / "im", labels, folder / "judged.json")
    bad = [s for s, value in scores.items() if (value > _EMPTY if labels is None else value < _TRUST)]
    (folder / "exclude.txt").write_text("".join(f"{stem}\n" for stem in sorted(bad)))


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """At most ``side`` pixels long; colours of RGBA pictures are weighted by their alpha."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    if picture.shape[2] == 3:
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    alpha = picture[..., 3:].astype(np.float32) / 255
    weighted = cv2.resize(picture[..., :3] * alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    opacity = cv2.resize(alpha, weighted.shape[1::-1], interpolation=cv2.INTER_AREA)
    colour = weighted / np.maximum(opacity, 1e-3)[..., None]
    return np.dstack([colour.clip(0, 255), opacity * 255]).round().astype(np.uint8)


def _write_rgba(path: Path, rgba: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))[1].tobytes())
