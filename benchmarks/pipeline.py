"""How near the pipeline comes to its slowest part, and whether its memory depends on the length of the clip.

Method: a stub network sleeps 20 ms a frame outside the interpreter lock, as a GPU would. Decoding alone, encoding
alone, the stub alone and the whole line are measured in the same run, on the same generated clip; the figure is the
whole line's frames a second over the smallest of the three others. Mattes are enlarged linearly and colours stay,
unless --all: smoothing, edges and colours are work of their own, and every pixel of the stub's mattes is soft. Peak
memory is that of a process of its own for each length of clip, with all of that.

    python benchmarks/pipeline.py            # both tables
    python benchmarks/pipeline.py --frames 120 --size 1920x1080 --no-memory
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from attrs import evolve

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobState
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.pipeline.assemble import assemble
from birefnet_video.pipeline.stages import decode, encode, infer, prepare
from birefnet_video.types import MediaInfo

DELAY_S = 0.020
NETWORK_SIZE = (192, 320)
BATCH_SIZE = 4


def open_stub(spec: BackendSpec, info: MediaInfo, tell: object) -> StubBackend:
    """The stub network."""
    return StubBackend(BackendInfo("stub", "stub", "cpu", "none", NETWORK_SIZE, BATCH_SIZE), delay_s=DELAY_S)


def make_clip(path: Path, frames: int, width: int, height: int) -> None:
    """A disc that moves over soft noise: compresses like a camera's picture, not like a test card."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    texture = rng.normal(90, 12, (height, width)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            centre = width * (0.5 + 0.3 * np.sin(index / 20))
            disc = np.hypot(x - centre, y - height / 2) < height / 4
            grey = np.where(disc, 220, np.roll(texture, index, axis=1)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([grey] * 3, 2), "rgb24")))
        container.mux(stream.encode(None))


def rate(frames: int, work: Callable[[], object]) -> float:
    """Frames a second of ``work``."""
    started = time.perf_counter()
    work()
    return frames / (time.perf_counter() - started)


def plain(spec: JobSpec) -> JobSpec:
    """``spec`` without what is done to mattes and colours."""
    return evolve(spec, matte=MatteSpec(smooth="off", refine=False), colour=ColourSpec(decontaminate="off"))


def measure(clip: Path, output: OutputSpec, repeats: int, *, with_all: bool) -> dict[str, float]:
    """All four rates, each the median of ``repeats`` that take turns."""
    info = probe(clip)
    frames = sum(1 for _ in Reader(info, lambda message: None).frames())
    runs: dict[str, list[float]] = {"stub": [], "decode": [], "encode": [], "pipeline": []}
    spec = JobSpec(clip, (output,), writing=WritingSpec(overwrite=True))
    spec = spec if with_all else plain(spec)
    for _ in range(repeats):
        runs["stub"].append(_stub_rate(frames))
        runs["decode"].append(rate(frames, lambda: list(map(id, decode(Reader(info, lambda message: None))))))
        runs["encode"].append(_encode_rate(spec, frames))
        runs["pipeline"].append(rate(frames, lambda: _run(spec)))
    return {name: float(np.median(values)) for name, values in runs.items()}


def _stub_rate(frames: int) -> float:
    stub = StubBackend(BackendInfo("stub", "stub", "cpu", "none", NETWORK_SIZE, BATCH_SIZE), delay_s=DELAY_S)
    batch = np.zeros((BATCH_SIZE, *NETWORK_SIZE, 3), np.uint8)
    return rate(frames, lambda: [stub.infer(batch) for _ in range(frames // BATCH_SIZE)])


def _encode_rate(spec: JobSpec, frames: int) -> float:
    """The encoder alone: composed frames are made beforehand, a few and again."""
    line = assemble(spec, lambda message: None, open_stub)
    batches = prepare(decode(line.reader), line.info, line.matting)
    quick = replace(line.matting, backend=StubBackend(line.matting.info))
    metas, pool = [], []
    for meta, pictures in line.composing(infer(batches, quick)):
        metas.append(meta)
        if len(pool) < 32:
            pool.append(pictures)
    seconds = rate(1, lambda: list(encode(((m, pool[i % len(pool)]) for i, m in enumerate(metas)), line.writers)))
    for writer in line.writers:
        writer.discard()
    return frames * seconds


def _run(spec: JobSpec) -> None:
    job = Job(spec, open_backend=open_stub)
    job.start()
    if job.wait() is not JobState.FINISHED:
        job.result()


def own_peak_mb() -> float:
    """Peak resident memory of this process. Linux only: ru_maxrss would carry the parent's peak over."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def peak_memory_mb(frames: int, width: int, height: int) -> float:
    """Peak resident memory of a process that runs one clip of ``frames`` frames."""
    command = [sys.executable, __file__, "--memory-of", str(frames), "--size", f"{width}x{height}"]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["peak_mb"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="with smoothing, edges and colours")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    if options.make:
        make_clip(options.make, options.frames, width, height)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        if options.memory_of:
            # Made by another process: an encoder's memory must not count.
            made = [sys.executable, __file__, "--make", str(clip), "--frames", str(options.memory_of)]
            subprocess.run([*made, "--size", options.size], check=True)
            _run(JobSpec(clip, (OutputSpec("alpha", folder / "out.mov"),)))
            print(json.dumps({"peak_mb": own_peak_mb()}))
            return
        make_clip(clip, options.frames, width, height)
        print(f"{platform.machine()}, Python {platform.python_version()}, av {av.__version__}, {options.size}")
        print("| output | stub fps | decode fps | encode fps | pipeline fps | of the slowest |")
        print("|---|---|---|---|---|---|")
        for kind, suffix in (("alpha", ".mov"), ("composite", ".mp4"), ("mask", ".mkv")):
            output = OutputSpec(kind, folder / f"out{suffix}")  # type: ignore[arg-type]
            fps = measure(clip, output, options.repeats, with_all=options.all)
            share = fps["pipeline"] / min(fps["stub"], fps["decode"], fps["encode"])
            row = " | ".join(f"{fps[name]:.1f}" for name in ("stub", "decode", "encode", "pipeline"))
            print(f"| {kind} | {row} | {share:.3f} |", flush=True)
    if options.no_memory:
        return
    short, long = (peak_memory_mb(count, width, height) for count in (300, 3000))
    print(f"peak memory: {short:.0f} MB at 300 frames, {long:.0f} MB at 3000, {long - short:+.0f} MB")


if __name__ == "__main__":
    main()
