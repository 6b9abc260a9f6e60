"""What ``gpu.py`` measures with: networks, pictures, a clip, and the program's own command line."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from birefnet_video.model import save_checkpoint
from engines import network

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.captured import Recorder
from birefnet_video.backends.cuda_recorder import CudaRecorder
from birefnet_video.backends.engine import Run
from birefnet_video.backends.registry import load_backend
from birefnet_video.options.network import BackendSpec

#: The repository.
ROOT = Path(__file__).parents[1]
CLIP = ROOT / "samples" / "bunny.mp4"


@dataclass(frozen=True)
class Setup:
    """What is measured where."""

    device: str
    folder: Path
    size: tuple[int, int]
    """Height and width of the networks' input."""
    picture: tuple[int, int]
    """Width and height of the clip."""
    frames: int
    rounds: int
    engines: tuple[str, ...]
    networks: tuple[str, ...]
    batches: tuple[int, ...]
    renders: tuple[tuple[str, str], ...]
    """Names of networks and what is made with them, whole."""
    engine: str = "auto"
    """Of whole renders."""
    starts: tuple[str, ...] = ("first", "second")
    cards: tuple[tuple[int, str], ...] = ((8, "swin_v1_l"), (4, "swin_v1_t"))
    """Gigabytes of cards, and the networks that must run there."""
    recorder: Callable[[torch.device], Recorder] = CudaRecorder
    """Gives what records launches."""

    @property
    def half(self) -> str:
        """The precision that is measured."""
        return "fp16" if self.device == "cuda" else "fp32"


class _NoRecorder:
    """Stands for CUDA graphs where there are none."""

    def record(self, work: Run, example: torch.Tensor) -> Run:
        """The work as it is."""
        return work

    def forget(self) -> None:
        """Nothing is kept."""


def full(folder: Path) -> Setup:
    """On a GPU."""
    return Setup(
        device="cuda",
        folder=folder,
        size=(1024, 1024),
        picture=(1920, 1080),
        frames=300,
        rounds=7,
        engines=("eager", "cudagraph"),
        networks=("swin_v1_l", "swin_v1_t"),
        batches=(1, 4, 8),
        renders=(("tiny", "green"), ("tiny", "alpha"), ("swin_v1_l", "green")),
    )


def dry(folder: Path) -> Setup:
    """On a CPU, as small as can be."""
    return Setup(
        device="cpu",
        folder=folder,
        size=(64, 64),
        picture=(160, 90),
        frames=6,
        rounds=1,
        engines=("eager",),
        networks=("tiny",),
        batches=(1, 2),
        renders=(("tiny", "green"),),
        engine="eager",
        starts=("first",),
        cards=((8, "tiny"),),
        recorder=lambda device: _NoRecorder(),
    )


def opened(
    setup: Setup, name: str, engine: str, batch: int, tell: Callable[[str], None] = lambda message: None
) -> MattingBackend:
    """A network at the size that is measured."""
    spec = BackendSpec(
        model=str(weights_of(setup, name)),
        device=setup.device,
        engine=engine,  # type: ignore[arg-type]
        precision=setup.half,  # type: ignore[arg-type]
        size=setup.size,
        batch_size=batch,
    )
    return load_backend(spec, 1920, 1080, tell=tell)


def weights_of(setup: Setup, name: str) -> Path:
    """A file of a network's weights, random ones unless they are bundled."""
    path = setup.folder / f"{name}.safetensors"
    if not path.exists():
        save_checkpoint(network(name), path, dtype=torch.float16)
    return path


def pictures_of(setup: Setup, count: int) -> np.ndarray:
    """uint8 (count, h, w, 3)."""
    return np.random.default_rng(0).integers(0, 256, (count, *setup.size, 3), dtype=np.uint8)


def run_and_wait(net: torch.nn.Module, x: torch.Tensor) -> None:
    """A network's own forward, to its end."""
    net(x).cpu()


def two_begun(backend: MattingBackend, pictures: np.ndarray) -> None:
    """Two batches, the second begun before the first is collected, as the pipeline does."""
    first, second = backend.begin(pictures), backend.begin(pictures)
    first()
    second()


def median_of(work: Callable[[], object], rounds: int) -> float:
    """Seconds; once without counting first."""
    work()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def memory_of(setup: Setup) -> str:
    """The largest memory of the device since last asked."""
    if setup.device != "cuda":
        return ""
    peak = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.reset_peak_memory_stats()
    return f"peak {peak:.1f} GiB, "


def frames_of(path: Path, size: tuple[int, int], count: int) -> np.ndarray:
    """uint8 (count, height, width, 3) of a clip, which begins anew when it ends."""
    pictures: list[np.ndarray] = []
    while len(pictures) < count:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                pictures.append(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))
                if len(pictures) == count:
                    break
    return np.stack(pictures)


def clip_of(setup: Setup) -> Path:
    """The sample in the size that is measured, H.264."""
    path = setup.folder / "clip.mp4"
    if path.exists():
        return path
    width, height = setup.picture
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        made = 0
        while made < setup.frames:
            with av.open(str(CLIP)) as source:
                for frame in source.decode(video=0):
                    picture = frame.reformat(width=width, height=height)
                    picture.pts, picture.time_base = made, Fraction(1, 25)
                    container.mux(stream.encode(picture))
                    made += 1
                    if made == setup.frames:
                        break
        container.mux(stream.encode())
    return path


def command(*arguments: str) -> list[str]:
    """The program's own command line."""
    return [sys.executable, "-m", "birefnet_video", *arguments]


def run_it(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, to its end."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def last_words(text: str) -> str:
    """The end of what a program said, on one line."""
    return " / ".join(line for line in text.splitlines() if line.strip())[-300:] if text else ""
