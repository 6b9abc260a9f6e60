"""What can be installed beside the program, and is or is not."""

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from birefnet_video.doctor.finding import Finding, Section

#: Extras of the package: the modules that they bring, and what these are good for.
EXTRAS = {
    "openvino": (("openvino",), "1.8 to 5 times the speed on CPUs"),
    "int8": (("openvino", "nncf"), "--precision int8: twice the speed of that, a little less exact"),
    "onnx": (("onnx", "onnxruntime", "onnxscript"), "--engine onnx, export onnx"),
    "tensorrt": (("torch_tensorrt",), "the fastest engine on NVIDIA GPUs, Linux"),
    "foreground": (("pymatting",), "--decontaminate best"),
    "gpu": (("pynvml",), "figures of NVIDIA GPUs in the interface"),
    "heic": (("pillow_heif",), "HEIC pictures"),
    "medical": (("nibabel", "pydicom"), "stack of NIfTI and DICOM"),
    "webcam": (("pyvirtualcam",), "webcam --virtual-camera"),
    "track": (("sam2",), "--tracker edgetam: subjects followed through crowds"),
    "ray": (("ray",), "--ray: segments rendered by a cluster"),
    "web": (("textual_serve",), "tui --serve"),
    "eval": (("py_sod_metrics",), "eval with the field's metrics"),
    "train": (("tensorboard",), "curves of a training in a browser"),
}


def look_at_extras() -> Section:
    """Which extras are there."""
    return Section("Extras", tuple(_extra(name, *row) for name, row in EXTRAS.items()))


def _extra(name: str, modules: tuple[str, ...], use: str) -> Finding:
    absent = [module for module in modules if not _is_there(module)]
    if not absent:
        return Finding(name, "ok", "; ".join([use, *_versions(name)]))
    how = f"pip install 'birefnet-video[{name}]'"
    return Finding(name, "missing", f"{use}; {' and '.join(absent)} not installed", how)


def _versions(extra: str) -> list[str]:
    """The distributions that an extra brings, with their versions."""
    found = []
    for requirement in requires("birefnet-video") or ():
        named = re.match(r"[\w.-]+", requirement)
        if named is not None and re.search(rf"""extra == ['"]{extra}['"]""", requirement):
            with suppress(PackageNotFoundError):
                found.append(f"{named[0]} {version(named[0])}")
    # One extra can bring another.
    return [each for each in found if not each.startswith("birefnet-video ")]


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
