"""What guided enlarging does for edges, and what freeing colours does for soft ones; both where the truth is known.

Edges: a matte of folder DATA/gt, enlarged to 3840 pixels, is the truth and the picture of DATA/im its guide. It is made
small to the network's size and enlarged again; the error is MAD within 8 pixels of an edge, against linear enlarging.

Colours: the subject of each picture, its colours extended by PyMatting, is put over another picture with its exact
alpha. The error is the mean difference from the known colours on soft pixels, against the colours as they are filmed.

    python benchmarks/edges.py DATA --small 512
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from birefnet_video.model.foreground import estimate_foreground
from pymatting import estimate_foreground_ml

from birefnet_video.matting.colours.opencv import fuse, solve
from birefnet_video.matting.edges.opencv import refine

_WIDTH = 3840
_BAND = 8


def read(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures uint8 (H, W, 3) BGR and their alphas float32 (H, W)."""
    pairs = []
    for path in sorted((folder / "im").iterdir()):
        alpha = cv2.imread(str(folder / "gt" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        if alpha is not None:
            pairs.append((cv2.imread(str(path)), alpha.astype(np.float32) / 255))
    return pairs


def near_edges(alpha: np.ndarray) -> np.ndarray:
    """Pixels within reach of an edge or a soft pixel."""
    hard, soft = (alpha > 0.5).astype(np.uint8), ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    edge = (cv2.dilate(hard, square) - cv2.erode(hard, square)) | soft
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BAND + 1, 2 * _BAND + 1))
    return cv2.dilate(edge, disc) > 0


def guide_of(bgr: np.ndarray) -> list[np.ndarray]:
    """Luma, and chroma of half the size."""
    planes = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb))
    half = (-(-bgr.shape[1] // 2), -(-bgr.shape[0] // 2))
    return [planes[0], *(cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in planes[1:])]


def edges(pairs: list[tuple[np.ndarray, np.ndarray]], small: int, width: int) -> None:
    """Print the error of both ways of enlarging, and their time."""
    found: dict[str, list[float]] = {"linear": [], "guided": []}
    spent: dict[str, list[float]] = {"linear": [], "guided": []}
    for bgr, alpha in pairs:
        height = round(width * alpha.shape[0] / alpha.shape[1])
        truth = np.clip(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
        guide = guide_of(cv2.resize(bgr, (width, height), interpolation=cv2.INTER_CUBIC))
        size = (small, round(small * height / width))
        matte, band = cv2.resize(truth, size, interpolation=cv2.INTER_AREA), near_edges(truth)
        for name in found:
            began = time.perf_counter()
            result = cv2.resize(matte, (width, height)) if name == "linear" else refine(matte, guide)
            spent[name].append(time.perf_counter() - began)
            found[name].append(1e3 * float(np.abs(result - truth)[band].mean()))
    print(f"edges, {small} to {width} pixels wide, {len(pairs)} pictures")
    for name, values in found.items():
        ratio = np.mean(values) / np.mean(found["linear"])
        print(f"  {name}: MAD {np.mean(values):.2f}, ratio {ratio:.2f}, {1e3 * statistics.median(spent[name]):.0f} ms")


def colours(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Print the error of every way to estimate colours, and its time."""
    found: dict[str, list[float]] = {}
    spent: dict[str, list[float]] = {}
    for index, (bgr, alpha) in enumerate(pairs):
        subject = estimate_foreground_ml(bgr / 255, alpha.astype(np.float64)).astype(np.float32)
        other = pairs[(index + 5) % len(pairs)][0]
        behind = cv2.resize(other, bgr.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        share = alpha[..., None]
        filmed = (255 * (share * subject + (1 - share) * behind)).round().astype(np.uint8)
        soft = (alpha > 0.02) & (alpha < 0.98)
        for name in ("filmed", "fast", "best (PyMatting)", "at full size"):
            began = time.perf_counter()
            result = _freed(name, filmed, alpha)
            spent.setdefault(name, []).append(time.perf_counter() - began)
            found.setdefault(name, []).append(255 * float(np.abs(result - subject)[soft].mean()))
    print(f"colours under soft edges, {len(pairs)} composites, levels of 255")
    for name, values in found.items():
        ratio = np.mean(values) / np.mean(found["filmed"])
        print(f"  {name}: {np.mean(values):.1f}, ratio {ratio:.2f}, {1e3 * statistics.median(spent[name]):.0f} ms")


def _freed(name: str, filmed: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if name == "at full size":
        return estimate_foreground(filmed, alpha)
    planes = [np.ascontiguousarray(filmed[..., channel]) for channel in range(3)]
    if name != "filmed":
        (fuse if name == "fast" else solve)(planes, alpha, 255)
    return np.stack(planes, -1) / 255


def main() -> None:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with im/ and gt/")
    parser.add_argument("--small", type=int, default=512, help="width of the network's input")
    parser.add_argument("--width", type=int, default=_WIDTH)
    options = parser.parse_args()
    pairs = read(options.data)
    edges(pairs, options.small, options.width)
    colours(pairs)


if __name__ == "__main__":
    main()
