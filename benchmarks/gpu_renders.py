"""What ``gpu.py`` measures of whole renders beside `bench`: where frames are composed, and cards of little memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from gpu_setup import Setup, clip_of, weights_of

from birefnet_video.events import JobNotice
from birefnet_video.jobs import Job
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec

#: Part of a card's memory that CUDA and the driver leave.
_LEFT = 0.9


def composing(setup: Setup) -> Iterator[str]:
    """Whole renders composed on the device, where mattes stay, and on the CPU."""
    for on in ("device", "cpu"):
        yield f"--compose-on {on}: {_rendered(setup, setup.networks[-1], compose_on=on)}"


def views(setup: Setup) -> Iterator[str]:
    """Whole renders decoded on the device: what the network sees stays there, and goes home and back."""
    on = setup.device
    yield f"--decode-on {on}, views stay: {_rendered(setup, setup.networks[-1], decode_on=on)}"
    # As for a network that takes arrays alone.
    with patch("birefnet_video.pipeline.assemble.Staying", type(None)):
        yield f"--decode-on {on}, views go home: {_rendered(setup, setup.networks[-1], decode_on=on)}"


def small_cards(setup: Setup) -> Iterator[str]:
    """Whole renders where torch and those who count its memory have no more than small cards have."""
    for gigabytes, name in setup.cards:
        with _limited(setup, gigabytes):
            yield f"{name}, {gigabytes} GB: {_rendered(setup, name)}"


def _rendered(setup: Setup, name: str, decode_on: str = "cpu", **options: object) -> str:
    """How a render of the clip to green went, in words."""
    backend = BackendSpec(
        model=str(weights_of(setup, name)),
        device=setup.device,
        engine=setup.engine,  # type: ignore[arg-type]
        size=setup.size,
        **options,  # type: ignore[arg-type]
    )
    outputs = (OutputSpec("composite", setup.folder / "whole.mp4"),)
    source = InputSpec(decode_on=decode_on)  # type: ignore[arg-type]
    spec = JobSpec(clip_of(setup), outputs, input=source, backend=backend)
    told: list[str] = []
    job = Job(spec)
    job.subscribe(lambda event: told.append(event.message) if isinstance(event, JobNotice) else None)
    job.start()
    report = job.result()
    outputs[0].path.unlink()
    share = "" if report.gpu_share is None else f", GPU share {report.gpu_share:.2f}"
    memory = f", peak {torch.cuda.max_memory_reserved() / 2**30:.1f} GiB reserved" if setup.device == "cuda" else ""
    words = f"{report.frames} frames, {report.fps:.1f} a second{share}{memory}"
    return "; ".join((words, *(each for each in told if "memory" in each or "CPU" in each)))


@contextmanager
def _limited(setup: Setup, gigabytes: int) -> Iterator[None]:
    if setup.device != "cuda":
        yield
        return
    room = int(_LEFT * gigabytes * 10**9)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.set_per_process_memory_fraction(min(1.0, room / torch.cuda.mem_get_info()[1]))

    def free(device: str) -> int:
        return room - torch.cuda.memory_allocated(device)

    try:
        with (
            patch("birefnet_video.backends.room.free_bytes", free),
            patch("birefnet_video.pipeline.assemble.free_bytes", free),
        ):
            yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
