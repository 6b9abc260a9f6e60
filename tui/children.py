"""What the interface has other processes find out: nothing heavy is loaded into its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from birefnet_video.tui.form import FormValues

from birefnet_video.remote.wire import Picture

_PROBE_S, _FRAME_S = 60.0, 300.0


@dataclass(frozen=True, slots=True)
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


def probe(source: Path) -> Facts:
    """Look into a file."""
    try:
        done = subprocess.run(
            [*_program(), "probe", _plain(source), "--json"],
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
        said["width"],
        said["height"],
        float(Fraction(said["frame_rate"])),
        said["frames"],
        said["seconds"],
        said["pixel_format"],
        said["audio_tracks"],
        said["has_alpha"],
    )


def frame_of(values: FormValues, facts: Facts, width: int, height: int) -> Picture | str:
    """Render the first frame of the part that a form describes.

    Args:
        values: of the form.
        facts: of its input.
        width: in which the picture must fit.
        height: the same.

    Returns:
        the frame, or why there is none.
    """
    source = values.sources[0]
    arguments = [_plain(source), "--alpha", "-", "-m", values.model, "--smooth", "off", "--quiet"]
    arguments += ["--size", values.size.strip()] if values.size.strip() else []
    arguments += ["-ss", values.start.strip()] if values.start.strip() else []
    # A little more than a frame, of which one is read.
    arguments += ["-t", f"{1.5 / facts.rate:.6f}"] if facts.rate else []
    try:
        done = subprocess.run(
            [*_program(), *arguments], capture_output=True, timeout=_FRAME_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    octets = facts.width * facts.height * 4
    if len(done.stdout) < octets:
        return _complaint(done.stderr)
    rgba = np.frombuffer(done.stdout[:octets], np.uint8).reshape(facts.height, facts.width, 4)
    step = max(1, -(-facts.width // width), -(-facts.height // height))
    lines, columns = facts.height // step, facts.width // step
    cells = rgba[: lines * step, : columns * step].reshape(lines, step, columns, step, 4)
    small = cells.mean((1, 3)).astype(np.uint8)
    return Picture(0, 0.0, small[..., :3], small[..., 3])


def _program() -> list[str]:
    return [sys.executable, "-m", "birefnet_video"]


def _plain(path: Path) -> str:
    # Whatever it is called, it is no option.
    return str(path.absolute())


def _complaint(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("birefnet-video: error: ") if lines else "it said nothing"
