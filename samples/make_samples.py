"""Make the generated samples: ``orbit.mp4``, its exact alpha ``orbit_alpha.mkv``, and ``training/orbit``, a few of its
frames as a set to try training on.

A shaded ball with a soft rim moves in front of a textured background, at a variable frame rate. Everything is
computed from a fixed seed, so anybody gets the same pictures:

    python samples/make_samples.py [folder]
"""

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT, FRAMES = 480, 270, 60
#: Every how many frames one goes into the training set, and the width there.
TRAINING_STEP, TRAINING_WIDTH = 5, 240
#: Ticks of 1/90000 s between frames, in turn: 30, 25 and 20 frames a second.
STEPS = (3000, 3600, 4500)


def background(rng: np.random.Generator) -> np.ndarray:
    """Soft hills of colour, float32 (H, W, 3) in [0, 1]."""
    coarse = rng.uniform(0.15, 0.6, (6, 9, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return (soft + rng.normal(0, 0.02, soft.shape).astype(np.float32)).clip(0, 1)


def ball(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Colour (H, W, 3) and alpha (H, W) of frame ``index``, float32 in [0, 1]."""
    phase = 2 * np.pi * index / FRAMES
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    dx, dy = x - WIDTH * (0.5 + 0.22 * np.cos(phase)), y - HEIGHT * (0.5 + 0.12 * np.sin(2 * phase))
    radius = HEIGHT * (0.26 + 0.05 * np.sin(phase))
    distance = np.hypot(dx, dy)
    alpha = ((radius - distance) / 3 + 0.5).clip(0, 1)
    depth = np.sqrt(np.maximum(radius**2 - distance**2, 0)) / radius
    light = (0.25 + 0.75 * np.maximum(-0.5 * dx / radius - 0.5 * dy / radius + 0.7 * depth, 0)).clip(0, 1)
    stripes = 0.5 + 0.5 * np.sin(9 * np.arctan2(dy, dx) + phase)
    colour = np.stack((0.95 - 0.2 * stripes, 0.45 + 0.3 * stripes, 0.15 + 0.1 * stripes), axis=2)
    return (colour * light[..., None]).astype(np.float32), alpha.astype(np.float32)


def write(folder: Path) -> None:
    """Write both files."""
    rng = np.random.default_rng(0)
    behind = background(rng)
    rate = Fraction(25)
    with av.open(str(folder / "orbit.mp4"), "w") as film, av.open(str(folder / "orbit_alpha.mkv"), "w") as truth:
        video = film.add_stream("libx264", rate=rate, options={"crf": "16"})
        matte = truth.add_stream("ffv1", rate=rate)
        for stream, pixel_format in ((video, "yuv420p"), (matte, "gray")):
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
            stream.time_base = stream.codec_context.time_base = Fraction(1, 90000)
        video.codec_context.colorspace, video.codec_context.color_range = 1, 1
        video.codec_context.color_primaries = video.codec_context.color_trc = 1
        pts = 0
        for index in range(FRAMES):
            colour, alpha = ball(index)
            picture = behind + (colour - behind) * alpha[..., None]
            picture = picture + rng.normal(0, 0.008, picture.shape).astype(np.float32)
            rgb = av.VideoFrame.from_ndarray((picture.clip(0, 1) * 255).round().astype(np.uint8), "rgb24")
            frame = rgb.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            grey = av.VideoFrame.from_ndarray((alpha * 255).round().astype(np.uint8), "gray")
            for stream, container, image in ((video, film, frame), (matte, truth, grey)):
                image.pts, image.time_base = pts, Fraction(1, 90000)
                container.mux(stream.encode(image))
            pts += STEPS[index % len(STEPS)]
        film.mux(video.encode(None))
        truth.mux(matte.encode(None))


def write_training_set(folder: Path) -> None:
    """Write ``im`` and ``gt``."""
    rng = np.random.default_rng(1)
    for kind in ("im", "gt"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    size = (TRAINING_WIDTH, TRAINING_WIDTH * HEIGHT // WIDTH)
    for index in range(0, FRAMES, TRAINING_STEP):
        colour, alpha = ball(index)
        behind = background(rng)
        picture = (behind + (colour - behind) * alpha[..., None]) * 255
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1].round().astype(np.uint8)
        matte = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) * 255).round().astype(np.uint8)
        cv2.imwrite(str(folder / "im" / f"{index:02d}.jpg"), small, (cv2.IMWRITE_JPEG_QUALITY, 92))
        cv2.imwrite(str(folder / "gt" / f"{index:02d}.png"), matte)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write(target)
    write_training_set(target / "training" / "orbit")
