"""Which values of a configuration a call has a use for: one that it has none for is left out, and is no error.

What a user gives on the command line is never left out: there the groups of options say what does not go together.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from birefnet_video.options.group import options_of
from birefnet_video.options.input import is_pattern
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputKind
from birefnet_video.outputs.encodings import codecs_of

#: What a call is asked for by name, from wherever: as typed, flags as they are. What has its default is not here.
Given = Mapping[str, str | bool]


class Fit(NamedTuple):
    """When an option has a use."""

    option: str
    commands: Collection[str]
    """Of others, it always has."""
    needs: str
    """In words."""
    is_met: Callable[[Given], bool]


def unfit(command: str, given: Given, configured: Collection[str]) -> dict[str, str]:
    """The options that are left out, and what they would need.

    Args:
        command: that is asked for.
        given: all that it is given; also what it works on, by the names of its function's parameters.
        configured: the options of these that come from a configuration.
    """
    found: dict[str, str] = {}
    for fit in _FITS:
        if command in fit.commands and fit.option in configured:
            rest = {name: value for name, value in given.items() if name not in found}
            if not fit.is_met(rest):
                found[fit.option] = fit.needs
    return found


def _has(*names: str) -> Callable[[Given], bool]:
    return lambda given: any(name in given for name in names)


def _holds_codec(given: Given) -> bool:
    return any(given["codec"] in codecs_of(kind, Path(str(given[name]))) for name, kind in _HOLDERS if name in given)


def _is_sequence(given: Given) -> bool:
    source = Path(str(given.get("source", "")))
    return is_pattern(source) and not os.path.exists(source)  # noqa: PTH110 - a name that cannot be one is not there


def _is_watched_alone(given: Given) -> bool:
    from birefnet_video.devices.camera import is_camera

    camera = given.get("camera")
    is_filming = is_camera(str(camera) if camera is not None else None)
    return is_filming and "virtual_camera" in given and not given.keys() & {"alpha", "record", "stream"}


#: Options whose outputs have a codec that can be named.
_HOLDERS: tuple[tuple[str, OutputKind], ...] = (
    ("mask", "mask"),
    ("green", "composite"),
    ("composite", "composite"),
    ("foreground", "foreground"),
)
_OF_NETWORKS = tuple(option.name for group in (NetworkSpec, EditSpec) for option in options_of(group))
_INT8 = "--precision int8"

#: Before an option stands what decides whether it has a use.
_FITS = (
    Fit("precision", ("export",), "a precision that the file can have", lambda given: _file_holds(given)),
    Fit("dynamic_batch", ("export",), "a format other than tensorrt", lambda given: given.get("form") != "tensorrt"),
    *(Fit(name, ("eval",), "--data", _has("data")) for name in _OF_NETWORKS),
    Fit("jobs", ("eval",), "--data or --pred", _has("data", "pred")),
    Fit("kind", ("image",), "outputs without a name", lambda given: not _is_named(given)),
    Fit("format", ("image",), "outputs without a name", lambda given: not _is_named(given) or _is_piped(given)),
    Fit("background", ("image",), "--composite FILE or --kind composite", lambda given: _shows_background(given)),
    Fit(
        "calibration",
        ("render", "webcam", "image", "stack", "eval", "tui"),
        _INT8,
        lambda given: given.get("precision") == "int8",
    ),
    Fit("calibration", ("bench",), _INT8, lambda given: "int8" in str(given.get("precisions", "")).split(",")),
    Fit("mask_blur", ("stack",), "a mask without --threshold", lambda given: "threshold" not in given),
    Fit("background", ("render",), "--composite FILE", _has("composite")),
    Fit("codec", ("render",), "an output that can hold it", _holds_codec),
    Fit("frame_rate", ("render",), "numbered pictures as INPUT", _is_sequence),
    Fit("decode_on", ("render",), "a video as INPUT", lambda given: not _is_sequence(given)),
    Fit(
        "progress",
        ("render",),
        "standard output for itself",
        lambda given: given["progress"] != "json" or given.get("alpha") not in ("-", "./-"),
    ),
    Fit("tracker", ("render", "tui"), "--subject or --subjects", _has("subject", "subjects")),
    Fit("only_watched", ("webcam",), "a camera, --virtual-camera and no other output", _is_watched_alone),
)


def _is_named(given: Given) -> bool:
    return bool(given.keys() & {"alpha", "mask", "green", "composite", "foreground"})


def _is_piped(given: Given) -> bool:
    return any(given.get(name) in ("-", "./-") for name in ("alpha", "mask", "green", "composite", "foreground"))


def _shows_background(given: Given) -> bool:
    return "composite" in given or (given.get("kind") == "composite" and not _is_named(given))


def _file_holds(given: Given) -> bool:
    lacks = {"onnx": ("int8", "bf16"), "openvino": ("int8", "bf16")}
    return given["precision"] not in lacks.get(str(given.get("form")), ("int8",))
