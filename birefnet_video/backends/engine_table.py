"""The engines there are, what they need, and which of them ``auto`` tries."""

from dataclasses import dataclass
from importlib.util import find_spec

from birefnet_video.defaults import CONVERT_AFTER_FRAMES
from birefnet_video.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of :data:`ENGINES`."""

    module: str
    """In ``birefnet_video.backends.engines``; its ``prepare`` makes a network ready."""
    precisions: dict[str, tuple[str, ...]]
    """By kind of device."""
    needs: tuple[str, ...] = ()
    """Modules that must be there."""
    extra: str = ""
    """What brings them."""
    worth_from: int | None = 0
    """Frames from which ``auto`` builds it; ``None``: never, building it takes minutes."""
    runs_modules: bool = False
    """Computes with the network as PyTorch has it; others do with a graph of it, which may lie ready."""


_HALF = ("fp32", "bf16", "fp16")
ENGINES = {
    "eager": Engine("eager", {"cpu": ("fp32", "bf16"), "cuda": _HALF, "mps": ("fp32", "fp16")}, runs_modules=True),
    "cudagraph": Engine("cudagraph", {"cuda": _HALF}, runs_modules=True),
    "compile": Engine("compiled", {"cpu": ("fp32", "bf16"), "cuda": _HALF}, runs_modules=True),
    "tensorrt": Engine("tensorrt", {"cuda": _HALF}, ("torch_tensorrt",), "tensorrt", worth_from=None),
    "onnx": Engine("onnx", {"cpu": ("fp32",), "cuda": ("fp32", "fp16")}, ("onnx", "onnxruntime", "onnxscript"), "onnx"),
    "openvino": Engine(
        "openvino", {"cpu": ("fp32", "bf16", "int8")}, ("openvino",), "openvino", worth_from=CONVERT_AFTER_FRAMES
    ),
}
#: What ``auto`` tries, by kind of device, fastest first. What takes a minute to build in every process is not in it.
LADDER = {
    "cuda": ("tensorrt", "cudagraph", "eager"),
    "cpu": ("openvino", "eager"),
    "mps": ("eager",),
}


def loads_on(name: str, device: str) -> str:
    """Where an engine wants a network's weights to be loaded, if it is to run on ``device``.

    On a GPU of NVIDIA's itself, if it computes with them as they are; others make a graph of them on the CPU.
    """
    return device if ENGINES[name].runs_modules and device.startswith("cuda") else "cpu"


def check_engine(name: str, device: str, precision: str) -> None:
    """What can be said about an engine before anything is loaded.

    Raises:
        BackendUnavailable: if it does not run on the device or in the precision, or is not installed.
    """
    engine, kind = ENGINES[name], device.split(":")[0]
    if kind not in engine.precisions:
        raise BackendUnavailable(
            f"{name}: does not run on {kind}", hint=f"use --device {' or '.join(engine.precisions)}"
        )
    if precision != "auto" and precision not in engine.precisions[kind]:
        raise BackendUnavailable(
            f"{name}: has no {precision} on {kind}", hint=f"there is {', '.join(engine.precisions[kind])}"
        )
    check_installed(name)


def check_installed(name: str) -> None:
    """
    Raises:
        BackendUnavailable: if what an engine needs is not installed; names the extra that brings it.
    """
    if missing := _missing(name):
        raise BackendUnavailable(
            f"{name}: {' and '.join(missing)} not installed",
            hint=f"pip install 'birefnet-video[{ENGINES[name].extra}]'",
        )


def is_installed(name: str) -> bool:
    """Whether all that an engine needs is installed."""
    return not _missing(name)


def _missing(name: str) -> list[str]:
    return [module for module in ENGINES[name].needs if find_spec(module) is None]


def worth_building(frames: int | None) -> tuple[str, ...]:
    """The engines that ``auto`` builds for so many frames, as far as that depends on their number."""
    return tuple(
        name
        for name, engine in ENGINES.items()
        if engine.worth_from is not None and (frames is None or frames >= engine.worth_from)
    )
