"""How near a folder of pictures comes to the network's own speed: ``python benchmarks/pictures.py [--count 200]``.

Network and whole run take turns on the same pictures in one process, so that other work on the machine meets both; the
ratio is that of the medians. Pictures are generated: a subject with a soft edge on a ground with some noise.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.pictures import PictureFilesSpec, PicturesRequest
from birefnet_video.pictures.finding import find_pictures
from birefnet_video.pipeline.pictures import PictureJob, PictureRun


def generate(folder: Path, count: int, width: int, height: int) -> list[np.ndarray]:
    """JPEG files of that size; returns what a network of a quarter of a million pixels would see of them."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rng = np.random.default_rng(0)
    made = []
    for index in range(count):
        centre = rng.uniform(0.3, 0.7, 2) * (width, height)
        alpha = np.clip((min(width, height) / 3 - np.hypot(x - centre[0], y - centre[1])) / 8 + 0.5, 0, 1)[..., None]
        ground = cv2.resize(rng.uniform(0, 120, (8, 8, 3)).astype(np.float32), (width, height))
        picture = ground * (1 - alpha) + np.float32((220, 180, 150)) * alpha + rng.normal(0, 4, (height, width, 1))
        picture = picture.clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index:04}.jpg"), picture)
        made.append(picture)
    return made


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """That it takes, by the clock and of all processors."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--stub", type=float, help="seconds a picture that a stub sleeps in the network's place")
    parser.add_argument("--size", help="of the network's input")
    asked = parser.parse_args()
    spec = BackendSpec(model=asked.model, engine=asked.engine, size=asked.size)
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "in", Path(name) / "out"
        folder.mkdir()
        pictures = generate(folder, asked.count, asked.width, asked.height)
        backend = load_backend(spec, asked.width, asked.height, frames=asked.count)
        if asked.stub is not None:
            backend.close()
            backend = StubBackend(backend.info, delay_s=asked.stub)
        height, width = backend.info.input_size
        views = np.stack([cv2.resize(picture, (width, height)) for picture in pictures])
        request = PicturesRequest(sources=(folder,), backend=spec, files=PictureFilesSpec(out_dir=out, overwrite=True))
        found = find_pictures(request.sources, out)
        jobs = [PictureJob(each, (OutputSpec("alpha", out / f"{each.path.stem}.png"),)) for each in found]
        run = PictureRun(request, pictures=len(jobs), tell=lambda text: None)
        run._networks._open.get(backend.info.input_size, lambda: backend)
        run._networks.close = lambda: None  # type: ignore[method-assign]
        network, whole = [], []
        _infer(backend, views[:16])
        for _ in range(asked.rounds):
            network.append(seconds(lambda: _infer(backend, views)))
            whole.append(seconds(lambda: [None for _ in run.results(jobs)] and None))
        (alone, cpu_alone), (together, cpu_together) = (
            tuple(statistics.median(values) for values in zip(*each, strict=True)) for each in (network, whole)
        )
        alone, together = asked.count / alone, asked.count / together
        print(f"{backend.info.describe()}; {asked.count} JPEG of {asked.width}x{asked.height} to PNG")
        print(f"network alone {alone:.1f} a second, folder {together:.1f} a second: {together / alone:.2f}")
        milliseconds = [1000 * each / asked.count for each in (cpu_alone, cpu_together)]
        print(f"processors: network {milliseconds[0]:.0f} ms a picture, all of it {milliseconds[1]:.0f} ms")


def _infer(backend: MattingBackend, views: np.ndarray) -> None:
    step = backend.info.batch_size
    for start in range(0, len(views), step):
        backend.infer(views[start : start + step])


if __name__ == "__main__":
    main()
