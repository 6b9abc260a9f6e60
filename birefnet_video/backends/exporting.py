"""Write a network as a file for other programs, and check it against PyTorch on a photograph before it counts."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.engine_table import check_installed
from birefnet_video.backends.equality import Change
from birefnet_video.errors import (
    BackendUnavailable,
    BirefnetVideoError,
    OutputRefused,
    VerificationFailed,
    first_line,
)
from birefnet_video.model.evidence import read_evidence
from birefnet_video.model.export import INPUT_NAME, OUTPUT_NAME, export_program, prepare_network, write_onnx
from birefnet_video.model.preprocess import preprocess

if TYPE_CHECKING:
    from torch import Tensor

    from birefnet_video.model import BiRefNet

ExportFormat = Literal["onnx", "tensorrt", "openvino", "exported-program"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "tensorrt": ".pt2", "openvino": ".xml", "exported-program": ".pt2"}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how it compares with PyTorch in float32."""

    path: Path
    mean_error: float
    """Of alpha in [0, 1]."""
    far_share: float
    """Share of pixels whose alpha changes by more than 0.02."""
    operators: tuple[str, ...] = ()
    """Of an ONNX graph."""


def export_network(
    net: "BiRefNet", form: ExportFormat, path: Path, info: BackendInfo, *, dynamic: bool, overwrite: bool = False
) -> ExportReport:
    """Write ``net`` and check it.

    Args:
        net: as it was loaded.
        form: what to write.
        path: where; nothing is there until the check has passed.
        info: size, batch, precision and device.
        dynamic: take any number of pictures at once.
        overwrite: replace files that exist, the one beside ``path`` that holds weights too.

    Raises:
        BackendUnavailable: if a library is missing.
        OutputRefused: if the file cannot be written.
        VerificationFailed: if what was written does not say what PyTorch says.
    """
    if not path.parent.is_dir():
        raise OutputRefused(f"{path}: there is no folder {path.parent}")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}.partial-", dir=path.parent) as name:
            part = Path(name) / path.name
            x = _photographs(info, 2 if dynamic else info.batch_size)
            with torch.inference_mode():
                expected = torch.sigmoid(net(x)).numpy()
            try:
                _WRITERS[form](net, part, info, dynamic)
                with torch.inference_mode():
                    found = torch.sigmoid(_READERS[form](part)(x.to(info.device)).float()).cpu().numpy()
            except (BirefnetVideoError, OSError):
                raise
            except Exception as error:
                raise BackendUnavailable(f"export {form}: fails: {first_line(error)}") from error
            change = Change.between(expected, found)
            report = ExportReport(path, change.mean, change.far_share, _operators(form, part))
            if not change.is_within(info.precision):
                raise VerificationFailed(
                    f"{path}: its alpha differs from PyTorch's {change.words}",
                    hint="use --precision fp32" if info.precision != "fp32" else None,
                )
            written = sorted(part.parent.iterdir())
            for there in (path.parent / file.name for file in written):
                if there.exists() and not overwrite:
                    raise OutputRefused(f"{there}: exists already", hint="-y overwrites it")
            for file in written:
                file.replace(path.parent / file.name)
    except OSError as error:
        raise OutputRefused(f"{path}: cannot be written: {error.strerror or error}") from None
    return report


def _photographs(info: BackendInfo, count: int) -> "Tensor":
    """The bundled photograph and mirrored copies of it, normalised."""
    picture = preprocess(read_evidence()[0], info.input_size)
    return torch.stack([picture if index % 2 == 0 else picture.flip(2) for index in range(count)])


def _write_program(net: "BiRefNet", path: Path, info: BackendInfo, dynamic: bool) -> None:
    torch.export.save(_program(net, info, dynamic), path)


def _write_onnx(net: "BiRefNet", path: Path, info: BackendInfo, dynamic: bool) -> None:
    check_installed("onnx")
    write_onnx(_program(net, info, dynamic), path)


def _write_openvino(net: "BiRefNet", path: Path, info: BackendInfo, dynamic: bool) -> None:
    check_installed("openvino")
    from birefnet_video.backends.engines.openvino import graph_of, write_openvino

    program = graph_of(net, info, dynamic=dynamic)
    write_openvino(program, path, info, dynamic=dynamic, in_half=info.precision == "fp16")


def _write_tensorrt(net: "BiRefNet", path: Path, info: BackendInfo, dynamic: bool) -> None:
    from birefnet_video.backends.engines.tensorrt import build_engine, load_library

    library = load_library()
    example = torch.zeros(info.batch_size, 3, *info.input_size, device=info.device)
    timing_cache = path.with_name("timing.cache")
    build_engine(library, _program(net, info, dynamic), example, path, timing_cache=timing_cache)
    timing_cache.unlink(missing_ok=True)


def _program(net: "BiRefNet", info: BackendInfo, dynamic: bool) -> "torch.export.ExportedProgram":
    fast = prepare_network(net, info.precision, "grid_sample")
    return export_program(fast, info.input_size, info.batch_size, dynamic_batch=dynamic)


def _read_program(path: Path) -> "Callable[[Tensor], Tensor]":
    return torch.export.load(path).module()


def _read_onnx(path: Path) -> "Callable[[Tensor], Tensor]":
    from birefnet_video.backends.engines.onnx import load_library

    session = load_library().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run([OUTPUT_NAME], {INPUT_NAME: x.numpy()})[0])


def _read_openvino(path: Path) -> "Callable[[Tensor], Tensor]":
    from birefnet_video.backends.openvino_library import load_core

    compiled = load_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda x: torch.from_numpy(compiled({INPUT_NAME: x.numpy()})[OUTPUT_NAME].copy())


def _operators(form: ExportFormat, path: Path) -> tuple[str, ...]:
    if form != "onnx":
        return ()
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return tuple(sorted({f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in graph.node}))


_WRITERS: "dict[str, Callable[[BiRefNet, Path, BackendInfo, bool], None]]" = {
    "onnx": _write_onnx,
    "tensorrt": _write_tensorrt,
    "openvino": _write_openvino,
    "exported-program": _write_program,
}
_READERS: "dict[str, Callable[[Path], Callable[[Tensor], Tensor]]]" = {
    "onnx": _read_onnx,
    "tensorrt": _read_program,
    "openvino": _read_openvino,
    "exported-program": _read_program,
}
