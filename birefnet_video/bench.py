"""How fast each part of a run is alone, how fast all of it is together, and what share of the slowest part that is."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from attrs import evolve

from birefnet_video.backends.registry import open_backend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.bottleneck import encoded_on_cpu
from birefnet_video.errors import BackendUnavailable, NotAVideo
from birefnet_video.events import JobReport, JobStarted
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.pipeline.assemble import assemble
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.line import Line
from birefnet_video.pipeline.stages import Composed, decode, encode, infer, prepare
from birefnet_video.types import Batch, Frame, Matte

#: Batches that are inferred before the clock starts.
_WARM_UP = 2
#: The same for a backend that tries batch sizes on its first batches.
_WARM_UP_TRIALS = 12
#: Composed frames that the encoder gets again and again: more would fill memory.
_POOL = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """One engine in one precision, with one set of outputs."""

    plan: str
    """Model, size, engine, device and batch in words."""
    frames: int
    decode_fps: float
    model_fps: float
    encode_fps: float
    end_to_end_fps: float
    slowest: str
    """Which of the three, alone, is the slowest: decode, model or encode."""
    share: float
    """What of its speed all together have."""
    cpu_s: float
    """Processor seconds end to end."""
    cpu_parts_s: float
    """The same of decoding, preparing, inference, composing and encoding, each alone."""
    memory_mb: float
    """Largest resident memory of this process so far."""
    gpu_memory_mb: float | None
    gpu_share: float | None = None
    """Share of the time, end to end, in which a GPU computed the network; ``None``: no GPU that can tell."""
    advice: str | None = None
    """What would make the slowest part faster, where the machine has it."""
    error: str | None = None


@dataclass(slots=True)
class _Clock:
    """Adds up the seconds of all processors that pieces of work took."""

    cpu_s: float = 0.0

    def run(self, work: Callable[[], object], *, times: float = 1) -> float:
        """Do ``work`` once, count it ``times`` times, and return its seconds on the wall."""
        began, cpu = time.perf_counter(), time.process_time()
        work()
        self.cpu_s += (time.process_time() - cpu) * times
        return time.perf_counter() - began


def measure(spec: JobSpec, backend: BackendSpec, frames: int) -> BenchRow:
    """Measure one engine.

    Args:
        spec: input and outputs; outputs are written to a temporary folder and removed.
        backend: what is to run.
        frames: how many frames of the input, at most.

    Raises:
        BirefnetVideoError: if the input or an output cannot be used. An engine that is not available gives a row with
            its error.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="birefnet-video-bench-") as name:
            return _measure(_into(spec, Path(name), backend), frames, spec)
    except BackendUnavailable as error:
        words = f"{backend.engine} {backend.precision}"
        return BenchRow(
            plan=words,
            frames=0,
            decode_fps=0.0,
            model_fps=0.0,
            encode_fps=0.0,
            end_to_end_fps=0.0,
            slowest="",
            share=0.0,
            cpu_s=0.0,
            cpu_parts_s=0.0,
            memory_mb=0.0,
            gpu_memory_mb=None,
            error=str(error),
        )


def _into(spec: JobSpec, folder: Path, backend: BackendSpec) -> JobSpec:
    outputs = tuple(
        evolve(output, path=folder / f"{index}{output.path.suffix}") for index, output in enumerate(spec.outputs)
    )
    return evolve(spec, outputs=outputs, backend=backend)


def _measure(spec: JobSpec, limit: int, asked: JobSpec) -> BenchRow:
    _reset_gpu_peak()
    line = assemble(spec, lambda message: None, open_backend)
    backend, clock = line.matting.backend, _Clock()
    try:
        pool: list[Frame] = []
        count = 0

        def read() -> None:
            nonlocal count
            for frame in islice(decode(line.reader), limit):
                count += 1
                if len(pool) < _POOL:
                    pool.append(frame)

        seconds = clock.run(read)
        if not pool:
            raise NotAVideo(f"{spec.source}: no frame could be decoded")
        decode_fps = count / seconds
        batches: list[Batch] = []
        views = prepare(pool, line.info, line.matting)
        clock.run(lambda: batches.extend(views), times=count / len(pool))
        model_fps = _model_rate(clock, line.matting, batches, count)
        quick = replace(line.matting, backend=StubBackend(backend.info))
        mattes = [matte for batch in infer(batches, quick) for matte in batch]
        composed: list[Composed] = []
        mattes = _smoothed(clock, line, mattes, count / len(pool))
        clock.run(lambda: composed.extend(line.composing([mattes])), times=count / len(pool))
        encode_fps = count / clock.run(lambda: list(encode(_again(composed, count), line.writers)))
    finally:
        for writer in line.writers:
            writer.discard()
        backend.close()
    # The engine that was measured, whatever would be worth it for a part of the input.
    same = evolve(spec.backend, engine=backend.info.name, precision=backend.info.precision)  # type: ignore[arg-type]
    length = Fraction(count) / line.info.frame_rate
    report, cpu_s = _run(evolve(spec, backend=same, input=evolve(spec.input, duration=length)))
    rates = {"decode": decode_fps, "model": model_fps, "encode": encode_fps}
    slowest = min(rates, key=lambda name: rates[name])
    # A part of the input is cut out by time, which need not be exactly as many frames.
    cpu_parts_s = clock.cpu_s * report.frames / count
    return BenchRow(
        plan=backend.info.describe(),
        frames=report.frames,
        decode_fps=decode_fps,
        model_fps=model_fps,
        encode_fps=encode_fps,
        end_to_end_fps=report.fps,
        slowest=slowest,
        share=report.fps / rates[slowest],
        cpu_s=cpu_s,
        cpu_parts_s=cpu_parts_s,
        memory_mb=peak_mb(),
        gpu_memory_mb=_gpu_peak_mb(backend.info.device),
        gpu_share=report.gpu_share,
        advice=encoded_on_cpu(slowest, asked, backend.info, line.info),
    )


def _all_of(batches: Iterator[list[Matte]]) -> list[Matte]:
    return list(chain.from_iterable(batches))


def _smoothed(clock: _Clock, line: Line, mattes: list[Matte], times: float) -> list[Matte]:
    smoothing = line.smoothing
    if smoothing is None:
        return mattes
    steady: list[Matte] = []
    # On a thread of its own, as in a job: it limits the cores that the thread's operators use.
    with ThreadPoolExecutor(1) as thread:
        work = thread.submit
        clock.run(lambda: steady.extend(work(_all_of, smoothing([mattes])).result()), times=times)
    return steady


def _run(spec: JobSpec) -> tuple[JobReport, float]:
    """Run a job; its report and the processor seconds from when everything was loaded."""
    started: list[float] = []
    job = Job(spec)
    job.subscribe(lambda event: started.append(time.process_time()) if isinstance(event, JobStarted) else None)
    job.start()
    job.wait()
    return job.result(), time.process_time() - started[0]


def _model_rate(clock: _Clock, matting: Matting, batches: list[Batch], count: int) -> float:
    full = [batch for batch in batches if len(batch.frames) == matting.info.batch_size] or batches
    warm_up = _WARM_UP if matting.info.batch_size == 1 else _WARM_UP_TRIALS
    for _ in infer(islice(_cycle(full), warm_up), matting):
        pass
    size = len(full[0].frames)
    runs = max(1, count // size)
    seconds = clock.run(lambda: [None for _ in infer(islice(_cycle(full), runs), matting)], times=count / (runs * size))
    return runs * size / seconds


def _cycle(batches: list[Batch]) -> Iterator[Batch]:
    while True:
        yield from batches


def _again(composed: list[Composed], count: int) -> Iterator[Composed]:
    """``count`` frames with rising times."""
    step = composed[1][0].pts - composed[0][0].pts if len(composed) > 1 else 1
    first = composed[0][0]
    for index in range(count):
        pictures = composed[index % len(composed)][1]
        yield replace(first, index=index, pts=first.pts + index * max(step, 1)), pictures


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MiB; NaN where the system does not say."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _reset_gpu_peak() -> None:
    import torch

    # Before CUDA is used there are no figures to reset, and asking for it is an error.
    if torch.cuda.is_initialized():
        for index in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(index)


def _gpu_peak_mb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated(device) / 2**20
