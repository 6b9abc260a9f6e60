"""``birefnet-video bench``."""

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from cyclopts import Parameter

from birefnet_video.errors import BackendUnavailable, InputMissing, UsageError
from birefnet_video.signals import exit_on_signals
from birefnet_video.spec import (
    BackendSpec,
    ColourSpec,
    EngineName,
    JobSpec,
    MatteSpec,
    OutputSpec,
    Precision,
    check_choice,
    parse_batch_size,
    parse_size,
)

if TYPE_CHECKING:
    from birefnet_video.bench import BenchRow

_HEAD = ("plan", "decode", "model", "encode", "end to end", "of the slowest", "CPU s", "of its parts", "MB", "GPU MB")


def bench(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    output: str = "green",
    engine: str = "auto",
    precision: str = "auto",
    model: Annotated[str, Parameter(name=["--model", "-m"])] = "tiny",
    size: str | None = None,
    device: str = "auto",
    batch_size: Annotated[str, Parameter(name=["--batch-size", "-b"])] = "auto",
    frames: int = 200,
    calibration: Path | None = None,
    plain: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    json_lines: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Measure how fast this machine is, part by part and together.

    Frames a second of decoding, of the network, of encoding, each alone, and of all of it end to end; processor
    seconds end to end against those of the parts; the largest memory.

    Examples:
    birefnet-video bench in.mp4
    birefnet-video bench in.mp4 --engine eager,openvino --precision fp32,bf16 --output alpha

    Parameters
    ----------
    source
        Video file.
    output
        alpha (ProRes 4444), webm (VP9 with alpha), green (H.264) or mask (FFV1).
    engine
        Engines to compare, by commas.
    precision
        Precisions to compare, by commas.
    model
        Name or path of a .safetensors or .pth file.
    size
        Size of the network's input: N, or WIDTHxHEIGHT; multiples of 32.
    device
        auto, cpu, cuda, cuda:N or mps.
    batch_size
        Frames at once, or auto: what is fastest.
    frames
        Frames of INPUT that are used.
    calibration
        Pictures for int8: a folder of them, or a video. Default: frames of INPUT.
    plain
        As with --smooth off --no-refine --decontaminate off.
    json_lines
        One JSON object on stdout in place of a table.
    """
    outputs = {
        "alpha": OutputSpec("alpha", Path("out.mov")),
        "webm": OutputSpec("alpha", Path("out.webm")),
        "green": OutputSpec("composite", Path("out.mp4")),
        "mask": OutputSpec("mask", Path("out.mkv")),
    }
    check_choice("--output", output, outputs)
    if frames < 1:
        raise UsageError(f"--frames: {frames} is less than 1")
    engines = _choices("--engine", engine, get_args(EngineName))
    precisions = _choices("--precision", precision, get_args(Precision))
    backends = [
        BackendSpec(
            *(model, parse_size(size), device, parse_batch_size(batch_size)),
            engine=name,  # type: ignore[arg-type]
            precision=half,  # type: ignore[arg-type]
            calibration=calibration if half == "int8" else None,
        )
        for name in engines
        for half in precisions
    ]
    if not source.exists():
        raise InputMissing(f"{source}: no such file")
    if calibration is not None:
        if "int8" not in precisions:
            raise UsageError("--calibration: goes with --precision int8")
        from birefnet_video.backends.calibration import calibration_of

        # Before anything is measured.
        calibration_of(calibration)
    from birefnet_video.bench import measure

    spec = JobSpec(source, (outputs[output],), with_sound=False)
    if plain:
        spec = replace(spec, matte=MatteSpec(smooth="off", refine=False), colour=ColourSpec("off"))
    rows = []
    exit_on_signals()
    for backend in backends:
        print(f"measuring {backend.engine}, {backend.precision}: each part alone, then all together", file=sys.stderr)
        rows.append(measure(spec, backend, frames))
        if not json_lines:
            print(_line(rows[-1]) if rows[-1].error is None else f"{rows[-1].plan}: {rows[-1].error}", file=sys.stderr)
    if json_lines:
        print(json.dumps({"machine": _machine(), "output": output, "rows": [asdict(row) for row in rows]}))
    else:
        print("\n".join(_table(row for row in rows if row.error is None)))
    return BackendUnavailable.exit_code if all(row.error is not None for row in rows) else 0


def _choices(option: str, text: str, known: tuple[str, ...]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        check_choice(option, name, known)
    return names


def _line(row: "BenchRow") -> str:
    return f"{row.plan}: {row.end_to_end_fps:.1f} frames a second, {row.share:.2f} of the slowest part"


def _table(rows: "Iterable[BenchRow]") -> list[str]:
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for row in rows:
        cells = [
            row.plan,
            *(f"{fps:.1f}" for fps in (row.decode_fps, row.model_fps, row.encode_fps, row.end_to_end_fps)),
            f"{row.share:.3f}",
            f"{row.cpu_s:.1f}",
            f"{row.cpu_s / row.cpu_parts_s:.2f}",
            f"{row.memory_mb:.0f}",
            "" if row.gpu_memory_mb is None else f"{row.gpu_memory_mb:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _machine() -> dict[str, Any]:
    import av
    import torch

    from birefnet_video.pipeline.ordered import cores

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": cores(),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "av": av.__version__,
    }
