"""What each container does to an exact matte, and each composite to the exact composite.

A subject with hair, soft edges and a veil is drawn at 1920 x 1080 over a noisy background, 12 frames. Its own alpha
takes the place of a network's, and what is written is read back. MAD is 1000 times the mean error of alpha in [0, 1],
over all pixels; the worst error is in levels of 255. A composite is compared with the exact one in RGB, in levels,
beside what 4:2:0 alone does to the exact one.

    python benchmarks/alpha.py
"""

import argparse
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.stub import StubBackend
from birefnet_video.inputs.read_alpha import matte_of, read_mattes
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import parse_background
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec

WIDTH, HEIGHT, FRAMES = 1920, 1080, 12
BACKGROUND = "#2040c0"
OUTPUTS = (
    *(("alpha", "a.mov"), ("alpha", "a.mkv"), ("alpha", "a.webm")),
    *(("alpha", "a_%d.png"), ("alpha", "a.apng"), ("alpha", "a_%d.exr")),
    *(("mask", "m.mkv"), ("mask", "m.mp4")),
)


def matte(index: int) -> np.ndarray:
    """Alpha float32 (H, W) in steps of 1/255: a head with hair and a veil that moves."""
    rng = np.random.default_rng(1)
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    centre = (WIDTH // 2 + 6 * index, HEIGHT // 2)
    cv2.ellipse(canvas, centre, (260, 340), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for _ in range(500):
        angle, length, bend = rng.uniform(np.pi, 2 * np.pi), rng.uniform(40, 180), rng.normal(0, 40)
        start = np.array(centre) + np.array((255 * np.cos(angle), 335 * np.sin(angle)))
        middle = start + 0.5 * length * np.array((np.cos(angle), np.sin(angle))) + (bend, 0)
        end = start + length * np.array((np.cos(angle), np.sin(angle))) + (2 * bend, 10)
        points = np.array([start, middle, end]).round().astype(np.int32)
        cv2.polylines(canvas, [points], False, int(rng.uniform(90, 255)), 1, cv2.LINE_AA)
    veil = np.zeros_like(canvas)
    cv2.ellipse(veil, (centre[0] + 330, centre[1] + 200), (180, 120), 20, 0, 360, 110, -1, cv2.LINE_AA)
    return np.maximum(canvas, cv2.GaussianBlur(veil, (0, 0), 12)).astype(np.float32) / 255


class ExactBackend(StubBackend):
    """In place of a network: the drawn mattes, in order."""

    def __init__(self) -> None:
        super().__init__(BackendInfo("exact", "drawn", "cpu", "none", (HEIGHT, WIDTH), 1))
        self._index = 0

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        self._index += 1
        return matte(self._index - 1)[None]


def make_clip(path: Path) -> None:
    """A skin-coloured subject on noise, near lossless."""
    rng = np.random.default_rng(0)
    noise = rng.integers(30, 150, (HEIGHT, WIDTH, 3)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = Colorspace.ITU709, ColorRange.MPEG
        for index in range(FRAMES):
            alpha = matte(index)[..., None]
            picture = noise + (np.array((190, 140, 110), np.float32) - noise) * alpha
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24")
            container.mux(stream.encode(as_yuv(frame)))
        container.mux(stream.encode(None))


def as_yuv(frame: av.VideoFrame) -> av.VideoFrame:
    """4:2:0 in BT.709."""
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)


def render(clip: Path, output: OutputSpec) -> None:
    """One output with the exact mattes."""
    job = Job(
        JobSpec(clip, (output,), writing=WritingSpec(overwrite=True)),
        open_backend=lambda spec, info, tell: ExactBackend(),
    )
    job.start()
    job.result()


def rgb_frames(path: Path) -> list[np.ndarray]:
    """uint8 (H, W, 3) each."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "in.mp4"
        make_clip(clip)
        print("| output | file | MAD x 1000 | worst, of 255 | MB |\n|---|---|---|---|---|")
        for kind, name in OUTPUTS:
            path = folder / name
            render(clip, OutputSpec(kind, path))  # type: ignore[arg-type]
            files = sorted(folder.glob(name.replace("%d", "*")), key=lambda file: (len(file.name), file.name))
            found = [matte_ for file in files for matte_ in read_back(file)]
            errors = [np.abs(alpha - matte(i)) for i, alpha in enumerate(found)]
            mad, worst, size = 1e3 * np.mean(errors), 255 * np.max(errors), sum(file.stat().st_size for file in files)
            print(f"| {kind} | {path.suffix} | {mad:.3f} | {worst:.2f} | {size / 1e6:.1f} |", flush=True)
        print("\n| composite | mean error | of 1 % of the pixels above |\n|---|---|---|")
        colour = np.array([int(BACKGROUND[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
        exact = [
            picture * matte(i)[..., None] + colour * (1 - matte(i)[..., None])
            for i, picture in enumerate(rgb_frames(clip))
        ]
        for suffix in (".mp4", ".webm"):
            path = folder / f"composite{suffix}"
            render(clip, OutputSpec("composite", path, parse_background(BACKGROUND)))
            say(suffix, rgb_frames(path), exact)
        frames = [av.VideoFrame.from_ndarray(picture.round().astype(np.uint8), "rgb24") for picture in exact]
        say("4:2:0 alone", [as_yuv(frame).to_ndarray(format="rgb24") for frame in frames], exact)


def read_back(path: Path) -> list[np.ndarray]:
    """Alpha of every frame of a file."""
    if path.suffix not in (".png", ".exr"):
        return list(read_mattes(path))
    with av.open(str(path)) as container:
        return [matte_of(frame) for frame in container.decode(video=0)]


def say(name: str, found: list[np.ndarray], exact: list[np.ndarray]) -> None:
    """A row of the second table."""
    errors = [np.abs(one - other).max(axis=2) for one, other in zip(found, exact, strict=True)]
    print(f"| {name} | {np.mean(errors):.2f} | {np.percentile(errors, 99):.1f} |", flush=True)


if __name__ == "__main__":
    main()
