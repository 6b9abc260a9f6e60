"""What the interface has other processes find out: nothing heavy is loaded into its own."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.text import clock, count, shortened

from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.options.request import RenderRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.renders.process import program
from birefnet_video.renders.wire import Clip, Picture

_PROBE_S, _FRAME_S = 60.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What ``birefnet-video probe`` says of an input."""

    width: int = 0
    height: int = 0
    rate: float = 0.0
    frames: int | None = None
    seconds: float | None = None
    pixel_format: str = ""
    audio_tracks: int = 0
    has_alpha: bool = False
    error: str | None = None

    @property
    def line(self) -> str:
        """All of it in words."""
        if self.error is not None:
            return f"✖ {shortened(self.error, 200)}"
        sound = {0: "no sound", 1: "sound"}.get(self.audio_tracks, f"{self.audio_tracks} sound tracks")
        frames = f"{count(self.frames)} frames" if self.frames else "length unknown"
        return (
            f"{self.width}x{self.height} · {self.rate:.4g} fps · {frames} · {clock(self.seconds)} · "
            f"{self.pixel_format} · {sound}{' · has alpha' if self.has_alpha else ''}"
        )


def probe(source: Path) -> Facts:
    """Look into a file."""
    try:
        done = subprocess.run(
            [*program(), "probe", _plain(source), "--json"],
            capture_output=True,
            timeout=_PROBE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Facts(error=str(error))
    if done.returncode:
        return Facts(error=_complaint(done.stderr))
    said = json.loads(done.stdout)
    return Facts(
        width=said["width"],
        height=said["height"],
        rate=float(Fraction(said["frame_rate"])),
        frames=said["frames"],
        seconds=said["seconds"],
        pixel_format=said["pixel_format"],
        audio_tracks=said["audio_tracks"],
        has_alpha=said["has_alpha"],
    )


def known_of(values: FormValues, facts: Facts | None) -> dict[str, Any]:
    """What a record keeps of a form's input.

    Args:
        values: of the form.
        facts: of its input, if known.
    """
    if facts is None:
        return {}
    clip = Clip(facts.width, facts.height, facts.rate, facts.pixel_format, facts.frames)
    # Of a part nobody knows how many frames it has.
    is_whole = not values.options.keys() & {"start", "duration", "end"}
    return {"clip": asdict(clip)} | ({"frames": facts.frames} if is_whole else {})


class FrameChild:
    """Renders one frame in a process that can be stopped."""

    def __init__(self) -> None:
        self.is_stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End the process, whether it has begun or not. From any thread."""
        self.is_stopped = True
        if self._process is not None:
            self._process.kill()

    def render(
        self, values: FormValues, facts: Facts, width: int, height: int, at: float | None = None
    ) -> Picture | str:
        """Render one frame as a form describes it.

        Args:
            values: of the form.
            facts: of its input.
            width: in which the picture must fit.
            height: the same.
            at: seconds from the input's beginning; ``None``: where the part begins.

        Returns:
            the frame, or why there is none.
        """
        try:
            with subprocess.Popen(
                [*program(), *_frame_arguments(values, facts, at)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process:
                self._process = process
                if self.is_stopped:
                    process.kill()
                samples, said = process.communicate(timeout=_FRAME_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        octets = facts.width * facts.height * 4
        if len(samples) < octets:
            return _complaint(said)
        rgba = np.frombuffer(samples[:octets], np.uint8).reshape(facts.height, facts.width, 4)
        step = max(1, -(-facts.width // width), -(-facts.height // height))
        lines, columns = facts.height // step, facts.width // step
        cells = rgba[: lines * step, : columns * step].reshape(lines, step, columns, step, 4)
        small = cells.mean((1, 3)).astype(np.uint8)
        return Picture(0, at or 0.0, small[..., :3], small[..., 3])


class PullChild:
    """Fetches a model's weights in a process that can be stopped."""

    def __init__(self) -> None:
        self._is_stopped = False
        self._process: subprocess.Popen[str] | None = None

    def stop(self) -> None:
        """End the process, whether it has begun or not. From any thread."""
        self._is_stopped = True
        if self._process is not None:
            self._process.terminate()

    def pull(self, name: str, progress: Callable[[int, int | None], None]) -> str:
        """Fetch, and wait for the end.

        Args:
            name: of the model.
            progress: takes bytes that are here and all of them.

        Returns:
            what went wrong, or nothing.
        """
        try:
            with subprocess.Popen(
                [*program(), "models", "pull", name, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as process:
                self._process = process
                if self._is_stopped:
                    process.terminate()
                said = "it said nothing"
                for line in process.stdout or ():
                    record = json.loads(line)
                    if record.get("event") == "progress":
                        progress(record["bytes"], record["total"])
                    elif record.get("error"):
                        said = record["error"]["message"]
        except OSError as error:
            return str(error)
        return said if process.returncode else ""


def _frame_arguments(values: FormValues, facts: Facts, at: float | None = None) -> list[str]:
    spec = values.request().spec
    # A little more than a frame, of which one is read.
    length = Fraction(3, 2) / Fraction(facts.rate) if facts.rate else spec.input.duration
    read = evolve(spec.input, duration=length, end=None)
    if at is not None:
        read = evolve(read, start=Fraction(round(1000 * at), 1000))
    alone = evolve(
        spec,
        source=values.sources[0].absolute(),
        outputs=(OutputSpec("alpha", STDOUT),),
        input=read,
        matte=evolve(spec.matte, smooth="off"),
    )
    return list(RenderRequest(alone, RunSpec(quiet=True, no_config=True)).arguments)


def _plain(path: Path) -> str:
    # Whatever it is called, it is no option.
    return str(path.absolute())


def _complaint(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("birefnet-video: error: ") if lines else "it said nothing"
