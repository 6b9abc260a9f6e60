"""``birefnet-video bench``."""

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from attrs import evolve, field, frozen
from cyclopts import Parameter

from birefnet_video.commands.pulling import require_weights
from birefnet_video.errors import BackendUnavailable, InputMissing, UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT, Flag, Suggested, option_group
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import (
    BackendSpec,
    BatchSpec,
    CalibrationSpec,
    DeviceSpec,
    EngineName,
    PatchOrderSpec,
    Precision,
    WeightsSpec,
)
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.options.run import JsonSpec
from birefnet_video.options.values import check_choice
from birefnet_video.signals import exit_on_signals

if TYPE_CHECKING:
    from birefnet_video.bench import BenchRow

_OUTPUTS = {
    "alpha": OutputSpec("alpha", Path("out.mov")),
    "webm": OutputSpec("alpha", Path("out.webm")),
    "green": OutputSpec("composite", Path("out.mp4")),
    "mask": OutputSpec("mask", Path("out.mkv")),
}
_HEAD = (
    "plan",
    "decode",
    "model",
    "encode",
    "end to end",
    "of the slowest",
    "CPU s",
    "of its parts",
    "MB",
    "GPU MB",
    "GPU share",
)


def _choices(option: str, text: str, known: tuple[Any, ...]) -> list[Any]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        check_choice(option, name, known)
    return names


@option_group
@frozen(kw_only=True, slots=False)
class BenchSpec(ConfigSpec, JsonSpec, BatchSpec, CalibrationSpec, DeviceSpec, PatchOrderSpec, WeightsSpec):
    """What is measured."""

    engines: Annotated[str, Parameter(name="--engine"), Suggested("engines")] = field(default="auto")
    """Engines to compare, by commas."""
    precisions: Annotated[str, Parameter(name="--precision"), Suggested("precisions")] = field(default="auto")
    """Precisions to compare, by commas."""
    output: Literal["alpha", "webm", "green", "mask"] = field(default="green")
    """alpha (ProRes 4444), webm (VP9 with alpha), green (H.264) or mask (FFV1)."""
    frames: int = field(default=200)
    """Frames of INPUT that are used."""
    plain: Flag = field(default=False)
    """As with --smooth off --no-refine --decontaminate off."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.frames < 1:
            raise UsageError(f"--frames: {self.frames} is less than 1")
        _choices("--engine", self.engines, get_args(EngineName))
        _choices("--precision", self.precisions, get_args(Precision))
        if self.calibration is not None and "int8" not in self.precisions.split(","):
            raise UsageError("--calibration: goes with --precision int8")

    @property
    def backends(self) -> list[BackendSpec]:
        """Every engine with every precision."""
        return [
            BackendSpec(
                model=self.model,
                size=self.size,
                patch_order=self.patch_order,
                device=self.device,
                batch_size=self.batch_size,
                engine=engine,
                precision=precision,
                calibration=self.calibration if precision == "int8" else None,
            )
            for engine in _choices("--engine", self.engines, get_args(EngineName))
            for precision in _choices("--precision", self.precisions, get_args(Precision))
        ]


def bench(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    options: Annotated[BenchSpec, FLAT] = BenchSpec(),
) -> int:
    """Measure how fast this machine is, part by part and together.

    Frames a second of decoding, of the network, of encoding, each alone, and of all of it end to end; processor
    seconds end to end against those of the parts; the largest memory.

    For example:
    birefnet-video bench in.mp4
    birefnet-video bench in.mp4 --engine eager,openvino --precision fp32,bf16 --output alpha

    Parameters
    ----------
    source
        Video file.
    """
    backends = options.backends
    if not source.exists():
        raise InputMissing(f"{source}: no such file")
    require_weights(options.model, may_ask=not options.json_lines)
    if options.calibration is not None:
        from birefnet_video.backends.calibration import calibration_of

        # Before anything is measured.
        calibration_of(options.calibration)
    from birefnet_video.bench import measure

    spec = JobSpec(source, (_OUTPUTS[options.output],), writing=WritingSpec(no_audio=True, resume="never"))
    if options.plain:
        plain_matte, plain_colour = MatteSpec(smooth="off", refine=False), ColourSpec(decontaminate="off")
        spec = evolve(spec, matte=plain_matte, colour=plain_colour)
    rows = []
    exit_on_signals()
    for backend in backends:
        print(f"measuring {backend.engine}, {backend.precision}: each part alone, then all together", file=sys.stderr)
        rows.append(measure(spec, backend, options.frames))
        if not options.json_lines:
            print(_line(rows[-1]) if rows[-1].error is None else f"{rows[-1].plan}: {rows[-1].error}", file=sys.stderr)
            if rows[-1].advice is not None:
                print(f"{rows[-1].plan}: {rows[-1].advice}", file=sys.stderr)
    if options.json_lines:
        print(json.dumps({"machine": _machine(), "output": options.output, "rows": [asdict(row) for row in rows]}))
    else:
        print("\n".join(_table(row for row in rows if row.error is None)))
    return BackendUnavailable.exit_code if all(row.error is not None for row in rows) else 0


def _line(row: "BenchRow") -> str:
    return f"{row.plan}: {row.end_to_end_fps:.1f} frames a second, {row.share:.2f} of the slowest part ({row.slowest})"


def _table(rows: "Iterable[BenchRow]") -> list[str]:
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for row in rows:
        cells = [
            row.plan,
            *(f"{fps:.1f}" for fps in (row.decode_fps, row.model_fps, row.encode_fps, row.end_to_end_fps)),
            f"{row.share:.3f} ({row.slowest})",
            f"{row.cpu_s:.1f}",
            f"{row.cpu_s / row.cpu_parts_s:.2f}",
            f"{row.memory_mb:.0f}",
            "" if row.gpu_memory_mb is None else f"{row.gpu_memory_mb:.0f}",
            "" if row.gpu_share is None else f"{row.gpu_share:.2f}",
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
