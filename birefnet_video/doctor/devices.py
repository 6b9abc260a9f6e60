"""What could compute, and whether torch can use it. A GPU that is there and stands idle is never passed over."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.errors import BackendUnavailable, first_line

_NVIDIA, _AMD = "0x10de", "0x1002"
#: Beginning of the class of devices that draw or compute.
_DISPLAY = "0x03"
_GET_TORCH = "install PyTorch's CUDA build, as https://pytorch.org/get-started/locally says for your driver"
#: Side of the matrices that are multiplied to see whether a device computes.
_SIDE = 64
_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Signs:
    """What the system says of GPUs, whatever torch says."""

    nvidia_cards: int = 0
    amd_cards: int = 0
    nvidia_driver: str = ""
    """Its version, or that it is there; empty: none was found."""

    @property
    def has_nvidia(self) -> bool:
        """Whether there is an NVIDIA GPU, or a driver for one."""
        return bool(self.nvidia_cards or self.nvidia_driver)


def find_signs(root: Path = Path("/")) -> Signs:
    """Look for GPUs without torch.

    Args:
        root: of the file system.
    """
    cards = [(_read(each / "vendor"), _read(each / "class")) for each in root.glob("sys/bus/pci/devices/*")]
    shown = [vendor for vendor, kind in cards if kind.startswith(_DISPLAY)]
    known = re.search(r"Module\s+([\d.]+)", _read(root / "proc/driver/nvidia/version"))
    driver = known[1] if known else _ask_driver()
    if not driver and (root / "dev/nvidiactl").exists():
        driver = "of unknown version"
    return Signs(shown.count(_NVIDIA), shown.count(_AMD), driver)


def look_at_devices(signs: Signs) -> Section:
    """What torch can compute on, and what it cannot though it is there."""
    import torch

    return Section("Devices", (*_gpus(torch, signs), *_apple(torch), _cpu(), _choice()), BackendUnavailable.exit_code)


def _gpus(torch: Any, signs: Signs) -> Iterator[Finding]:
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            yield _tried(torch, f"cuda:{number}")
    elif signs.has_nvidia:
        yield _unusable(torch, signs)
    else:
        yield Finding("NVIDIA GPU", "note", "none: networks run on the CPU")
    if signs.amd_cards and not torch.version.hip:
        yield Finding("AMD GPU", "note", "there is one, but only NVIDIA's and Apple's GPUs are used")


def _unusable(torch: Any, signs: Signs) -> Finding:
    """Why an NVIDIA GPU that is there is not used."""
    there = f"there is a driver ({signs.nvidia_driver})" if signs.nvidia_driver else "there is one, without a driver"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        text = f"{there}, hidden by CUDA_VISIBLE_DEVICES={hidden!r}: everything runs on the CPU"
        return Finding("NVIDIA GPU", "note", text, "unset CUDA_VISIBLE_DEVICES")
    if torch.version.cuda is None:
        text = f"{there}, but this PyTorch ({torch.__version__}) is built for CPUs only: everything runs on the CPU"
        return Finding("NVIDIA GPU", "broken", text, _GET_TORCH)
    text = f"{there}, but PyTorch cannot use it: {_reason(torch)}. Everything runs on the CPU"
    if not signs.nvidia_driver:
        todo = "install NVIDIA's driver: https://www.nvidia.com/drivers"
    else:
        todo = f"PyTorch wants a driver for CUDA {torch.version.cuda}: update the driver, or {_GET_TORCH}"
    return Finding("NVIDIA GPU", "broken", text, todo)


def _reason(torch: Any) -> str:
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return first_line(error).rstrip(".")
    return "it finds no device"


def _tried(torch: Any, device: str) -> Finding:
    """A GPU that torch knows, tried with a product whose result is known."""
    number = int(device.partition(":")[2] or 0)
    facts = torch.cuda.get_device_properties(number)
    capability = f"{facts.major}.{facts.minor}"
    name = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, compute capability {capability}"
    try:
        _compute(torch, device)
    except RuntimeError as error:
        text = f"{name}: does not compute: {first_line(error)}"
        todo = f"this PyTorch is built for {', '.join(torch.cuda.get_arch_list())}; {_GET_TORCH}"
        return Finding(device, "broken", text, todo)
    return Finding(device, "ok", f"{name}: computes")


def _compute(torch: Any, device: str) -> None:
    """
    Raises:
        RuntimeError: if the device does not compute, or not rightly.
    """
    ones = torch.ones(_SIDE, _SIDE, device=device)
    if not bool((ones @ ones == _SIDE).all()):
        raise RuntimeError("a product of matrices is wrong")


def _apple(torch: Any) -> Iterator[Finding]:
    if sys.platform != "darwin":
        return
    if not torch.backends.mps.is_available():
        yield Finding(
            "Apple GPU", "note", "PyTorch cannot use it: networks run on the CPU", "macOS 14 on Apple silicon"
        )
        return
    try:
        _compute(torch, "mps")
    except RuntimeError as error:
        yield Finding("mps", "broken", f"does not compute: {first_line(error)}", "update macOS and PyTorch")
        return
    yield Finding("mps", "ok", "computes")


def _cpu() -> Finding:
    from birefnet_video.backends.devices import has_fast_bfloat16
    from birefnet_video.pipeline.ordered import cores

    fast = ", fast bfloat16" if has_fast_bfloat16("cpu") else ""
    return Finding("CPU", "ok", f"{cores()} cores{fast}")


def _choice() -> Finding:
    from birefnet_video.backends.devices import pick_device

    device, why = pick_device("auto")
    return Finding("--device auto", "ok", f"takes {device}{f' ({why})' if why else ''}")


def _ask_driver() -> str:
    """The version of NVIDIA's driver, by its own program."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = ran.stdout.split()
    return lines[0] if ran.returncode == 0 and lines else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
