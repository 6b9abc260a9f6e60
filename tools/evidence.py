"""Make the pictures with exactly known mattes that lie beside the bundled network: ``evidence_*`` in ``model/weights``.

    python tools/evidence.py [folder]

``orbit`` is a frame of ``samples/orbit.mp4``. ``cup`` and ``fur`` are drawn, four times as large and averaged, so that
alpha is the share of a pixel that is covered; behind ``fur`` lies a blurred frame of ``samples/bunny.mp4``.
"""

import sys
from pathlib import Path

import av
import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT, FINE = 420, 280, 4
#: Of the clips.
ORBIT_FRAME, MEADOW_FRAME = 15, 0
STRANDS = 1500
QUALITY = 80


def frame_of(name: str, index: int) -> av.VideoFrame:
    """One frame of a sample."""
    with av.open(str(ROOT / "samples" / name)) as clip:
        return next(frame for i, frame in enumerate(clip.decode(video=0)) if i == index)


def rgb_of(frame: av.VideoFrame) -> np.ndarray:
    """Float32 (H, W, 3) in [0, 1]."""
    return frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray().astype(np.float32) / 255


def averaged(fine: np.ndarray) -> np.ndarray:
    """uint8 at four times the size -> float32 (H, W) in [0, 1]."""
    return cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def orbit() -> tuple[np.ndarray, np.ndarray]:
    """Colour (H, W, 3) and alpha (H, W), float32 in [0, 1], like the others."""
    alpha = frame_of("orbit_alpha.mkv", ORBIT_FRAME).to_ndarray().astype(np.float32) / 255
    return rgb_of(frame_of("orbit.mp4", ORBIT_FRAME)), alpha


def cup() -> tuple[np.ndarray, np.ndarray]:
    """A cup with a handle on a table."""
    fine = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return int(x * WIDTH * FINE), int(y * HEIGHT * FINE)

    cv2.rectangle(fine, at(0.33, 0.22), at(0.58, 0.82), 255, -1)
    for y in (0.22, 0.82):
        cv2.ellipse(fine, at(0.455, y), at(0.125, 0.04), 0, 0, 360, 255, -1)
    cv2.ellipse(fine, at(0.58, 0.5), at(0.085, 0.17), 0, -90, 90, 255, at(0.035, 0)[0])
    alpha = averaged(fine)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    x, y = columns / WIDTH, rows / HEIGHT
    light = 0.35 + 0.65 * np.exp(-(((x - 0.33) / 0.25 - 0.3) ** 2) / 0.12)
    colour = np.stack((0.75 * light, 0.2 * light, 0.22 * light), axis=2)
    colour[((x - 0.455) / 0.112) ** 2 + ((y - 0.22) / 0.033) ** 2 < 1] *= 0.3
    colour = np.where(((y > 0.45) & (y < 0.58))[..., None], 0.9 * light[..., None], colour)
    grain = 0.05 * np.sin(columns / 9 + 2 * np.sin(rows / 40))
    table = np.stack((0.55 + grain, 0.42 + grain, np.full_like(x, 0.3)), axis=2)
    wall = np.stack((0.55 + 0.1 * x, 0.6 + 0.08 * x, np.full_like(x, 0.62)), axis=2)
    behind = cv2.GaussianBlur(np.where((y > 0.7)[..., None], table, wall).astype(np.float32), (0, 0), 1.2)
    shadow = 0.5 * np.exp(-(((x - 0.5) / 0.2) ** 2) - ((y - 0.86) / 0.04) ** 2)
    behind = behind * (1 - shadow[..., None])
    return behind + (colour - behind) * alpha[..., None], alpha


def fur() -> tuple[np.ndarray, np.ndarray]:
    """A furry ball with a face, in a meadow that is out of focus."""
    rng = np.random.default_rng(0)
    centre, radius = np.array((0.47 * WIDTH, 0.56 * HEIGHT)), 0.24 * HEIGHT
    fine = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)
    cv2.circle(fine, tuple((centre * FINE).astype(int).tolist()), int(radius * FINE), 255, -1)
    for _ in range(STRANDS):
        angle = rng.uniform(0, 2 * np.pi)
        length, bent = radius * rng.uniform(0.05, 0.42), angle + rng.normal(0, 0.25)
        points = [centre + 0.97 * radius * np.array((np.cos(angle), np.sin(angle)))]
        for direction in (angle, bent):
            points.append(points[-1] + 0.5 * length * np.array((np.cos(direction), np.sin(direction))))
        cv2.polylines(fine, [(np.array(points) * FINE).astype(np.int32)], False, 255, int(rng.integers(2, 5)))
    alpha = averaged(fine)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    dx, dy = (columns - centre[0]) / radius, (rows - centre[1]) / radius
    depth = np.sqrt(np.maximum(2.1 - dx**2 - dy**2, 0)) / 1.45
    light = 0.25 + 0.75 * np.clip(-0.35 * dx - 0.35 * dy + 0.7 * depth, 0, 1)
    grain = cv2.GaussianBlur(rng.normal(0, 0.25, dx.shape).astype(np.float32), (0, 0), 1)
    colour = np.stack((0.85 + grain, 0.62 + grain, 0.35 + grain), axis=2) * light[..., None]
    for x, y, size, paint in ((-0.3, -0.15, 0.14, 0.05), (0.3, -0.15, 0.14, 0.05), (0.0, 0.25, 0.12, 0.2)):
        colour[np.hypot(dx - x, dy - y) < size] = paint
    meadow = cv2.resize(rgb_of(frame_of("bunny.mp4", MEADOW_FRAME)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    behind = cv2.GaussianBlur(meadow, (0, 0), 2.5)
    return behind + (colour - behind) * alpha[..., None], alpha


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "model" / "weights"
    for make in (orbit, cup, fur):
        picture, matte = make()
        bgr = (picture.clip(0, 1)[..., ::-1] * 255).round().astype(np.uint8)
        cv2.imwrite(str(folder / f"evidence_{make.__name__}.jpg"), bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        grey = (matte * 255).round().astype(np.uint8)
        cv2.imwrite(str(folder / f"evidence_{make.__name__}_matte.png"), grey, (cv2.IMWRITE_PNG_COMPRESSION, 9))
