"""``birefnet-video INPUT --look TIMES``: a few frames of a render as pictures, before the render."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.json_lines import final_record, say_json
from birefnet_video.options.input import STDIN, is_pattern
from birefnet_video.options.looking import parse_moments
from birefnet_video.options.outputs import STDOUT, stem_of
from birefnet_video.options.request import RenderRequest
from birefnet_video.report import notifier
from birefnet_video.signals import exit_on_signals
from birefnet_video.types import Step
from birefnet_video.words import printable

#: What a hard edge counts for beside a soft one.
_HARD = 0.01

if TYPE_CHECKING:
    import numpy as np

    from birefnet_video.pipeline.look import LookedAt


def look_at(request: RenderRequest) -> int:
    """Render the frames that are asked for, write a picture of each, and say where it is.

    Returns:
        the exit code.

    Raises:
        UsageError: if a time lies outside of the input.
        OutputRefused: if a picture exists or cannot be written.
        BirefnetVideoError: whatever stands in the way of the frames.
    """
    from birefnet_video.pipeline.look import Looking

    spec, run = request.spec, request.run
    if spec.source == STDIN:
        raise UsageError("--look looks into a file here and there: standard input is read only once")
    is_json = run.style == "json"
    exit_on_signals()
    began = time.monotonic()
    tell = notifier(run)
    warnings: list[str] = []

    def notify(message: str) -> None:
        if not isinstance(message, Step):
            warnings.append(message)
        tell(message)

    looking = Looking(spec, notify)
    times = looking.times(parse_moments(run.look or ""))
    paths = [picture_path(spec.source, [output.path for output in spec.outputs], at) for at in times]
    if doubled := next((path for path in paths if paths.count(path) > 1), None):
        raise UsageError(f"--look: two of the times make {doubled.name}", hint="they must be a millisecond apart")
    for path in paths:
        _check(path, overwrite=spec.writing.overwrite)
    for path, looked in zip(paths, looking.frames(times), strict=True):
        picture = draw(looked, _title(request, looked), float(looking.info.sample_aspect_ratio))
        _write(path, picture, overwrite=spec.writing.overwrite)
        if is_json:
            say_json(_record(path, looked))
        elif not run.quiet:
            print(printable(_line(path, looked)), flush=True)
    if is_json:
        record = final_record("finished", 0, None, None, tuple(paths))
        say_json(record | {"frames": len(paths), "seconds": round(time.monotonic() - began, 3), "warnings": warnings})
    return 0


def picture_path(source: Path, outputs: Sequence[Path], at: Fraction) -> Path:
    """Where the picture of a frame goes: ``<stem>.look-HH-MM-SS.mmm.png`` beside the first output or the input.

    Args:
        source: of the render.
        outputs: of the render; their folders need not be there.
        at: the time that was asked for, in seconds.
    """
    folder = source.parent
    for output in outputs:
        if output != STDOUT:
            # Numbered pictures get a folder of their own, which is not there yet.
            is_own = is_pattern(output) and not output.parent.is_dir()
            folder = output.parent.parent if is_own else output.parent
            break
    return folder / f"{stem_of(source)}.look-{clock_of(at).replace(':', '-')}.png"


def clock_of(seconds: Fraction) -> str:
    """``HH:MM:SS.mmm``, cut off and not rounded: the frame that is named is not a later one."""
    milliseconds = int(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def draw(looked: "LookedAt", title: str, aspect: float = 1.0) -> "np.ndarray":
    """A frame as one picture: source, matte, result and composites, and below them their softest part enlarged.

    Args:
        looked: the frame.
        title: stands above.
        aspect: width of a pixel divided by its height.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    from birefnet_video.pictures.sheet import Pane, draw_sheet

    alpha = looked.alpha
    panes = [
        Pane("source", looked.source),
        Pane("matte", (alpha * 255 + 0.5).astype("uint8")),
        Pane("result", looked.result),
        *(Pane(f"over {_ascii(Path(name).name)}", pixels) for name, pixels in looked.composites),
    ]
    return draw_sheet(title, panes, _edges(alpha), aspect)


def _edges(alpha: "np.ndarray") -> "np.ndarray":
    """How much soft edge lies at each pixel, float32 (H, W): a wide haze counts as little as a narrow edge once across.

    Hard edges count where there are no others.
    """
    import numpy as np

    down, across = np.gradient(alpha)
    return np.hypot(down, across) * (alpha * (1 - alpha) + np.float32(_HARD))


def _check(path: Path, *, overwrite: bool) -> None:
    """
    Raises:
        OutputRefused: if a picture may not be written there; before any work.
    """
    if not path.parent.is_dir():
        raise OutputRefused(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise OutputRefused(f"{path}: is a folder")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputRefused(f"{path}: exists already", hint="-y overwrites it")


def _write(path: Path, picture: "np.ndarray", *, overwrite: bool) -> None:
    from birefnet_video.outputs.unfinished import write_whole
    from birefnet_video.pictures.picture import Kept
    from birefnet_video.pictures.writing import Drawn, encode

    write_whole(path, encode([Drawn(picture, Kept())], "png", str(path)), overwrite=overwrite)


def _title(request: RenderRequest, looked: "LookedAt") -> str:
    spec = request.spec
    words = [
        f"{_ascii(spec.source.name)}  {clock_of(looked.time_s)}",
        f"subject {looked.subject:.1%}  soft edge {looked.soft:.1%}",
        f"model {_ascii(Path(spec.backend.model).name)}  smoothing {spec.matte.smooth}",
    ]
    return "   ".join(words)


def _line(path: Path, looked: "LookedAt") -> str:
    return f"{path}: frame at {clock_of(looked.time_s)}, subject {looked.subject:.1%}, soft edge {looked.soft:.1%}"


def _record(path: Path, looked: "LookedAt") -> dict[str, object]:
    return {
        "event": "look",
        "path": str(path),
        "asked": round(float(looked.asked_s), 6),
        "time": round(float(looked.time_s), 6),
        "subject": round(looked.subject, 6),
        "soft": round(looked.soft, 6),
    }


def _ascii(text: str) -> str:
    """A name as the letters of the sheet can show it."""
    return text.encode("ascii", "replace").decode()
