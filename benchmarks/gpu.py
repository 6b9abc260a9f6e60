"""Everything that is to be measured on an NVIDIA GPU, in order of worth, within ten minutes; prints as it goes.

A step that fails is printed, and the next one begins; none begins when the time is up.

    python benchmarks/gpu.py | tee gpu.md
    python benchmarks/gpu.py --dry      # tries the script itself, on a CPU with small sizes: its figures mean nothing
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from engines import network, published
from gpu_live import live
from gpu_parts import flow, kernels
from gpu_renders import composing, small_cards, views
from gpu_setup import (
    CLIP,
    ROOT,
    Setup,
    clip_of,
    command,
    dry,
    frames_of,
    full,
    last_words,
    median_of,
    memory_of,
    opened,
    pictures_of,
    run_and_wait,
    run_it,
    two_begun,
    weights_of,
)

from birefnet_video.backends.registry import load_backend
from birefnet_video.errors import BackendUnavailable
from birefnet_video.options.network import BackendSpec

_PARTS = ("decode", "model", "encode", "end_to_end")


def machine(setup: Setup) -> Iterator[str]:
    """What it was measured on."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, av {av.__version__}"
    if setup.device == "cpu":
        yield f"CPU, {versions}"
        return
    free, total = (part / 2**30 for part in torch.cuda.mem_get_info())
    capability = ".".join(map(str, torch.cuda.get_device_capability()))
    yield f"{torch.cuda.get_device_name()}, {capability}, {free:.1f} of {total:.1f} GiB free, CUDA {torch.version.cuda}"
    yield versions
    smi = ["nvidia-smi", "--query-gpu=driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
    yield subprocess.run(smi, capture_output=True, text=True, check=False).stdout.strip()


def renders(setup: Setup) -> Iterator[str]:
    """Whole renders beside their parts: `bench`, for the bundled network and a large one."""
    clip = clip_of(setup)
    for model, output in setup.renders:
        asked = ["bench", str(clip), "--frames", str(setup.frames), "--output", output]
        asked += ["--device", setup.device, "--engine", setup.engine, "--json"]
        if model != "tiny":
            asked += ["-m", str(weights_of(setup, model)), "--size", f"{setup.size[1]}x{setup.size[0]}"]
        ran = run_it(*asked)
        if ran.returncode:
            yield f"{model} to {output}: ended with {ran.returncode}: {last_words(ran.stderr)}"
            continue
        for row in json.loads(ran.stdout)["rows"]:
            parts = ", ".join(f"{name} {row[f'{name}_fps']:.1f}" for name in _PARTS)
            share = f"{row['share']:.2f} of {row['slowest']}"
            yield f"{model} to {output}, frames a second: {parts}; {share} ({row['plan']})"


def first_frame(setup: Setup) -> Iterator[str]:
    """From the command to the first frames that are written, twice: what is kept must help the second one."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    importing = time.perf_counter() - began
    yield f"import torch: {importing:.1f} s"
    small = setup.networks[-1]
    for attempt in setup.starts:
        asked = [str(clip_of(setup)), "--green", str(setup.folder / "first.mp4"), "-y", "--json"]
        asked += ["--device", setup.device, "--engine", setup.engine]
        asked += ["-m", str(weights_of(setup, small)), "--size", f"{setup.size[1]}x{setup.size[0]}"]
        began = time.perf_counter()
        with subprocess.Popen(command(*asked), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stderr is not None
            first = None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] in ("progress", "finished") and event["frames"]:
                    first = time.perf_counter() - began
                    break
            process.terminate()
            errors = process.stderr.read()
        yield (
            f"{small}, {attempt} start: {first:.1f} s, {first - importing:.1f} s over import torch"
            if first is not None
            else f"{small}, {attempt} start: no frame: {last_words(errors)}"
        )


def engines(setup: Setup) -> Iterator[str]:
    """Each engine at each batch, pictures in host memory to mattes in host memory, beside the reference's network."""
    for name in setup.networks:
        reference = published(network(name)).to(setup.device)
        if setup.half == "fp16":
            reference = reference.half()
        for count in setup.batches:
            x = torch.rand(count, 3, *setup.size, device=setup.device, dtype=next(reference.parameters()).dtype)
            with torch.inference_mode():
                middle = median_of(partial(run_and_wait, reference, x), setup.rounds) / count
            yield f"{name}, the reference, batch {count}: {1000 * middle:.1f} ms a picture"
        for engine in setup.engines:
            for count in setup.batches:
                began = time.perf_counter()
                backend = opened(setup, name, engine, count)
                pictures = pictures_of(setup, count)
                backend.infer(pictures)
                ready = time.perf_counter() - began
                middle = median_of(
                    lambda backend=backend, pictures=pictures: two_begun(backend, pictures), setup.rounds
                )
                alone = median_of(lambda backend=backend, pictures=pictures: backend.infer(pictures), setup.rounds)
                yield (
                    f"{name}, {engine} {setup.half}, batch {count}: {1000 * middle / (2 * count):.1f} ms a picture, "
                    f"latency {1000 * alone:.1f} ms, {memory_of(setup)}ready after {ready:.1f} s"
                )
                backend.close()


def changes(setup: Setup) -> Iterator[str]:
    """How far half precision is from float32, with trained weights on the sample."""
    frames = frames_of(CLIP, (512, 288), 8 if setup.device == "cuda" else 2)
    mattes = {}
    for engine, precision in ((setup.engines[0], "fp32"), (setup.engines[-1], setup.half), (setup.engines[-1], "bf16")):
        spec = BackendSpec(
            device=setup.device,
            engine=engine,  # type: ignore[arg-type]
            precision=precision,  # type: ignore[arg-type]
            size=(288, 512),
            batch_size=len(frames),
        )
        backend = load_backend(spec, 512, 288)
        mattes[engine, precision] = backend.infer(frames)
        backend.close()
    exact = mattes[setup.engines[0], "fp32"]
    for (engine, precision), alpha in mattes.items():
        change = np.abs(alpha - exact)
        yield f"tiny, {engine} {precision}: mean change {change.mean():.1e}, beyond .02: {(change > 0.02).mean():.2%}"


def profiled(setup: Setup) -> Iterator[str]:
    """What takes the time of one batch."""
    from torch.profiler import ProfilerActivity, profile

    for name in setup.networks:
        backend = opened(setup, name, "eager", setup.batches[-1])
        pictures = pictures_of(setup, setup.batches[-1])
        backend.infer(pictures)
        kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if setup.device == "cuda" else [])
        with profile(activities=kinds) as result:
            backend.infer(pictures)
        key = "self_device_time_total" if setup.device == "cuda" else "self_cpu_time_total"
        rows = sorted(result.key_averages(), key=lambda event: -getattr(event, key))
        total = sum(getattr(event, key) for event in rows)
        yield f"{name}, batch {setup.batches[-1]}: {total / 1000:.1f} ms in {sum(event.count for event in rows)} calls"
        for event in rows[:15]:
            yield f"    {getattr(event, key) / total:6.1%} {event.count:5d} x {event.key[:90]}"
        backend.close()


def marked_tests(setup: Setup) -> Iterator[str]:
    """The tests that need a GPU; in a dry run they are only collected."""
    asked = (
        ["-q", "-m", "gpu", "-x", "--maxfail=20"] if setup.device == "cuda" else ["-q", "-m", "gpu", "--collect-only"]
    )
    asked += ["tests/gpu"] if setup.device == "cpu" else []
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *asked], cwd=ROOT, capture_output=True, text=True, check=False
    )
    yield f"pytest: {last_words(ran.stdout)}"


def decoding(setup: Setup) -> Iterator[str]:
    """Decoding on the GPU against the CPU, whole renders."""
    for on in ("cpu", "cuda") if setup.device == "cuda" else ("cpu",):
        began = time.perf_counter()
        ran = run_it(
            *(str(clip_of(setup)), "--green", str(setup.folder / f"{on}.mp4"), "-y", "-q", "--decode-on", on),
            *("--device", setup.device, "--engine", setup.engine),
        )
        seconds = time.perf_counter() - began
        yield f"--decode-on {on}: {seconds:.1f} s, ended with {ran.returncode} {last_words(ran.stderr)}"


def little_memory(setup: Setup) -> Iterator[str]:
    """A batch that does not fit is halved, and no frame is lost."""
    if setup.device != "cuda":
        yield "needs a GPU"
        return
    total = torch.cuda.mem_get_info()[1]
    for gib in (8, 4, 2):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1.0, gib * 2**30 / total))
        told: list[str] = []
        try:
            backend = opened(setup, setup.networks[0], setup.engines[-1], 8, told.append)
            count = len(backend.infer(pictures_of(setup, 8)))
            yield f"{gib} GiB: {count} mattes; {'; '.join(told) or 'nothing was said'}"
            backend.close()
        except BackendUnavailable as error:
            yield f"{gib} GiB: {error}"
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)


STEPS: tuple[Callable[[Setup], Iterator[str]], ...] = (
    *(machine, renders, first_frame, engines, composing, changes, flow, kernels, profiled, small_cards),
    *(marked_tests, decoding, views, live, little_memory),
)


def main() -> None:
    """Go through all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on a CPU, as small as can be")
    parser.add_argument("--seconds", type=float, default=600, help="no step begins later")
    parser.add_argument("--only", default="", help="names of steps, separated by commas")
    options = parser.parse_args()
    began, failed = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="birefnet-video-gpu-") as folder:
        setup = (dry if options.dry else full)(Path(folder))
        for step in STEPS:
            if options.only and step.__name__ not in options.only.split(","):
                continue
            if time.monotonic() - began > options.seconds:
                print(f"## {step.__name__}: no time left", flush=True)
                continue
            print(f"## {step.__name__} ({time.monotonic() - began:.0f} s): {step.__doc__}", flush=True)
            try:
                for line in step(setup):
                    print(f"- {line}", flush=True)
            except Exception as error:  # noqa: BLE001 - the next step may still measure something
                failed += 1
                print(f"- failed: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
