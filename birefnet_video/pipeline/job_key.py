"""All that a render's frames depend on, by names that a user knows: two renders with one key make the same frames."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from birefnet_video.commit import full_version
from birefnet_video.errors import BirefnetVideoError
from birefnet_video.inputs.sequence import path_of
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.prompts import MaskPicture
from birefnet_video.options.serial import converter
from birefnet_video.types import MediaInfo
from birefnet_video.zoo.files import weights_path

#: Libraries whose versions decide what comes out.
_LIBRARIES = ("av", "torch", "timm", "opencv-python-headless", "openvino", "onnxruntime", "torch-tensorrt")
#: Options that leave frames as they are.
_DO_NOT_COUNT = ("overwrite", "resume", "workers", "ray")
#: Bytes of a file's beginning and end that are looked at.
_LOOKED_AT = 1 << 16


def job_key(spec: JobSpec, info: MediaInfo, output: OutputSpec) -> dict[str, str]:
    """The key of one output.

    Args:
        spec: of the render.
        info: of its input.
        output: one of its outputs. Its path does not count.

    Raises:
        OSError: if the input or the weights cannot be read.
    """
    key = {"input": _input(info), "weights": _weights(spec.backend.model), "birefnet-video": full_version()}
    for library in _LIBRARIES:
        try:
            key[library] = version(library)
        except PackageNotFoundError:
            key[library] = "not installed"
    values = converter().unstructure(spec)
    for group in ("input", "backend", "matte", "colour", "writing"):
        key |= _flat(values[group])
    for name in _DO_NOT_COUNT:
        key.pop(name)
    key |= _guidance(spec.matte)
    # Any GPU of a machine.
    key["device"] = key["device"].split(":")[0]
    key |= _flat({name: value for name, value in converter().unstructure(output).items() if name != "path"})
    if isinstance(output.background, PictureFile | VideoFile):
        # Who opens it says if it is not there.
        with suppress(OSError):
            key["background"] += f", {_file(output.background.path)}"
    return key


def _guidance(spec: GuidanceSpec) -> dict[str, str]:
    """What is said of subjects, wherever that stands."""
    prompts = spec.prompts()
    masks = dict.fromkeys(prompt.path for prompt in prompts if isinstance(prompt, MaskPicture))
    said = json.dumps([str(prompt) for prompt in prompts], ensure_ascii=False)
    return {"subject": said, "exclude": "", "subjects": "", "masks": "; ".join(_file(path) for path in masks)}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What has changed, in words."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name, 'not set')}, is {now.get(name, 'not set')}" for name in names]


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Options by name, as text."""
    return {name: str(value) for name, value in values.items()}


def _input(info: MediaInfo) -> str:
    path = Path(info.path)
    if info.sequence is None:
        return _file(path)
    found = hashlib.sha256()
    for number in info.sequence.numbers:
        stat = path_of(info.sequence, number).stat()
        found.update(f"{number} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return f"{len(info.sequence.numbers)} pictures, {found.hexdigest()[:16]}"


def _weights(model: str) -> str:
    try:
        return f"{model}, {_file(weights_path(model))}"
    except BirefnetVideoError:
        # Who loads it says why it cannot be had.
        return model


def _file(path: Path) -> str:
    """A file's size, time and a hash of its ends."""
    stat = path.stat()
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}, {content_key(path)}"


def content_key(path: Path) -> str:
    """A hash of a file's size and of its ends, wherever it lies.

    Raises:
        OSError: if it cannot be read.
    """
    size = path.stat().st_size
    found = hashlib.sha256()
    for block in _ends(path, size):
        found.update(block)
    found.update(str(size).encode())
    return found.hexdigest()[:16]


def _ends(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield file.read(_LOOKED_AT)
        file.seek(max(0, size - _LOOKED_AT))
        yield file.read(_LOOKED_AT)
