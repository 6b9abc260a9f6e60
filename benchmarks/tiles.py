"""How near tiles come to the network in one piece, what they save, and whether borders of tiles show.

A picture of DATA/im and its matte of DATA/gt are enlarged to SIDE pixels, the matte's edge made a few pixels wide.
Mattes are compared with each other and with that truth: of the whole picture at the network's own size, enlarged along
its edges; in tiles; in one piece at larger inputs, up to what is trained for and beyond. Seams: the steepest change of
the error from one pixel to the next along the borders of the finest tiles, against elsewhere.

    python benchmarks/tiles.py DATA --side 8192 --count 3
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.tiled import TileCount, TiledMatting
from birefnet_video.matting.edges.opencv import refine
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.tiles.grid import Grid, halvings
from birefnet_video.matting.tiles.source import InMemory
from birefnet_video.options.network import BackendSpec

_TIMES = (1.5, 2, 3)


def enlarged(picture: Path, matte: Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """RGB uint8 (H, W, 3) and its alpha float32 (H, W)."""
    rgb, small = cv2.imread(str(picture))[..., ::-1], cv2.imread(str(matte), cv2.IMREAD_GRAYSCALE)
    scale = side / max(small.shape)
    size = (round(small.shape[1] * scale), round(small.shape[0] * scale))
    smooth = cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), 0.7)
    alpha = ((cv2.resize(smooth, size, interpolation=cv2.INTER_CUBIC) - 0.5) * scale + 0.5).clip(0, 1)
    sharp = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    behind = cv2.resize(cv2.GaussianBlur(rgb, (0, 0), 25), size).astype(np.float32)
    grain = np.random.default_rng(1).normal(0, 3, size[::-1]).astype(np.float32)[..., None]
    mixed = sharp * alpha[..., None] + (0.5 * behind + 0.5 * sharp) * (1 - alpha[..., None]) + grain
    return mixed.clip(0, 255).astype(np.uint8), alpha


def in_one_piece(rgb: np.ndarray, backend: MattingBackend) -> np.ndarray:
    """A matte at the network's size, enlarged along edges."""
    luma, red, blue = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))
    return refine(backend.infer(resized(rgb, backend.info.input_size)[None])[0], [luma, blue, red])


def seams(error: np.ndarray, tile: tuple[int, int]) -> tuple[float, float]:
    """The steepest change along borders of tiles, and elsewhere."""
    step = 1 << (halvings(error.shape, tile) or 0)
    grid = Grid(tuple(-(-side // step) * step for side in error.shape), tile, step=2)  # type: ignore[arg-type]
    along, elsewhere = [], []
    for axis, lines in enumerate(grid.borders):
        jumps = np.abs(np.diff(error, axis=axis)).max(axis=1 - axis)
        fading = np.zeros(jumps.shape, bool)
        for line in lines:
            fading[line - tile[axis] // 16 : line + tile[axis] // 16] = True
        along.append(float(jumps[fading].max()))
        elsewhere.append(float(jumps[~fading].max()))
    return max(along), max(elsewhere)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--model", default="tiny")
    options = parser.parse_args()
    for picture in sorted((options.data / "im").iterdir())[: options.count]:
        rgb, truth = enlarged(picture, options.data / "gt" / f"{picture.stem}.png", options.side)
        height, width = truth.shape
        own = load_backend(BackendSpec(model=options.model, batch_size=1), width, height)
        count, began = TileCount(), time.monotonic()
        tiled = TiledMatting(own, count).matte(InMemory(rgb)).astype(np.float32) / 65535
        took = time.monotonic() - began
        whole = in_one_piece(rgb, own)
        borders = seams(tiled - truth, own.info.input_size)
        print(f"{picture.stem} {width}x{height}: error tiled {np.abs(tiled - truth).mean():.4f}", end=" ")
        print(f"whole {np.abs(whole - truth).mean():.4f}, tiles {count.done}/{count.all} in {took:.0f} s", end=" ")
        print(f"steepest at borders {borders[0]:.3f} elsewhere {borders[1]:.3f}")
        for times in _TIMES:
            size = tuple(round(side * times / 32) * 32 for side in own.info.input_size)
            larger = load_backend(BackendSpec(model=options.model, size=size, batch_size=1), width, height)
            untiled = in_one_piece(rgb, larger)
            print(f"  in one piece at {size[1]}x{size[0]}: error {np.abs(untiled - truth).mean():.4f}", end=" ")
            print(f"from tiled {np.abs(untiled - tiled).mean():.4f} from whole {np.abs(untiled - whole).mean():.4f}")
            larger.close()


if __name__ == "__main__":
    main()
