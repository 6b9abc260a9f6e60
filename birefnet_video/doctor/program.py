"""What is installed: this program, Python, and the libraries that nothing works without."""

import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from birefnet_video.commit import full_version
from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.errors import first_line

#: Modules that every render imports, by the names that they are installed under.
LIBRARIES = {
    "torch": "torch",
    "timm": "timm",
    "av": "av",
    "opencv-python-headless": "cv2",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "huggingface-hub": "huggingface_hub",
    "textual": "textual",
}


def look_at_program() -> Section:
    """Versions, and whether the libraries can be imported."""
    return Section("Program", (*_program(), *(_library(name, module) for name, module in LIBRARIES.items())))


def _program() -> Iterator[Finding]:
    yield Finding("birefnet-video", "ok", full_version())
    yield Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield Finding("system", "ok", platform.platform())


def _library(name: str, module: str) -> Finding:
    try:
        import_module(module)
    except (ImportError, OSError, AttributeError) as error:
        return Finding(
            name, "broken", f"cannot be imported: {first_line(error)}", f"pip install --force-reinstall {name}"
        )
    return Finding(name, "ok", _version(name))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "version not known"
