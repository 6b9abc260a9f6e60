"""What a command was asked for, as data: kept in records, sent to other processes, shown as a command line."""

import re
from collections.abc import Iterator
from typing import Any

from attrs import evolve, field, frozen

from birefnet_video.options.backgrounds import SolidColour
from birefnet_video.options.group import OptionGroup, options_of
from birefnet_video.options.job import JobSpec
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.outputs import SUBJECT_FIELD, OutputSpec
from birefnet_video.options.run import RunSpec, WatchSpec
from birefnet_video.options.serial import converter, structured

#: Of the form that records have. Others are refused.
VERSION = 1
_FLAGS = {
    "alpha": "--alpha",
    "mask": "--mask",
    "id-mask": "--id-mask",
    "composite": "--composite",
    "foreground": "--foreground",
}


@frozen
class RenderRequest:
    """What to render, and how it is watched."""

    spec: JobSpec
    run: RunSpec = field(default=RunSpec())

    @property
    def source(self) -> str:
        """To be shown."""
        return str(self.spec.source)

    @property
    def outputs(self) -> tuple[str, ...]:
        """To be shown."""
        return tuple(str(output.path) for output in self.spec.outputs)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command line, without the program's name."""
        spec = self.spec
        groups = (spec.input, spec.backend, spec.matte, spec.colour, spec.writing, self.run)
        changed = (word for group in groups for word in _changed(group))
        return (_shielded(self.source), *_outputs(spec.outputs), *changed)


@frozen
class LiveRequest:
    """A live session, and how it is watched."""

    spec: LiveSpec
    run: WatchSpec = field(default=WatchSpec())

    @property
    def source(self) -> str:
        """To be shown."""
        return self.spec.source or "camera"

    @property
    def outputs(self) -> tuple[str, ...]:
        """To be shown."""
        camera = self.spec.shown.virtual_camera
        shown = [f"virtual camera {camera}"] if camera else []
        return (*(str(output.path) for output in self.spec.outputs), *shown)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command line, without the program's name."""
        spec = self.spec
        groups = (spec.shown, spec.camera, spec.pace, spec.backend, spec.matte, spec.colour, spec.writing, self.run)
        flags = {"alpha": "--alpha", "composite": "--record"}
        files = [word for output in spec.outputs for word in (flags[output.kind], str(output.path))]
        changed = (word for group in groups for word in _changed(group))
        return ("webcam", *([spec.source] if spec.source else []), *files, *changed)


Request = RenderRequest | LiveRequest
_KINDS: dict[str, type[RenderRequest] | type[LiveRequest]] = {"render": RenderRequest, "webcam": LiveRequest}


def with_overwrite(request: Request) -> Request:
    """The same; it may replace what is there."""
    spec: Any = request.spec
    return evolve(request, spec=evolve(spec, writing=evolve(spec.writing, overwrite=True)))


def not_apart(request: Request) -> Request:
    """The same, as the process that carries it out is asked for it."""
    run: Any = request.run
    return evolve(request, run=evolve(run, tui=False, **({"detach": False} if isinstance(run, RunSpec) else {})))


def to_json(request: Request) -> dict[str, Any]:
    """Every option with its value, defaults too, so that what waits is not changed by another default."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(request, cls))
    return {"version": VERSION, "kind": kind, **converter().unstructure(request)}


def from_json(values: Any) -> Request:
    """What :func:`to_json` gave.

    Raises:
        ValueError: if it is nothing that this version has written.
    """
    if not isinstance(values, dict) or values.get("version") != VERSION or values.get("kind") not in _KINDS:
        raise ValueError(f"no request of version {VERSION}")
    rest = {name: value for name, value in values.items() if name not in ("version", "kind")}
    return structured(rest, _KINDS[values["kind"]])


def _outputs(outputs: tuple[OutputSpec, ...]) -> Iterator[str]:
    behind = {str(output.background) for output in outputs} - {str(SolidColour())}
    green = next((each for each in outputs if each.kind == "composite" and each.background == SolidColour()), None)
    said: set[str] = set()
    for output in outputs:
        if (path := _as_typed(output, outputs)) not in said:
            said.add(path)
            # A second one over green is a composite over the usual background.
            yield from ("--green" if output is green else _FLAGS[output.kind], path)
    for flag, values in (
        ("--background", behind),
        ("--codec", {output.codec for output in outputs} - {None}),
        ("--quality", {output.quality for output in outputs} - {"standard"}),
    ):
        yield from (word for value in values for word in (flag, str(value)))


def _as_typed(output: OutputSpec, outputs: tuple[OutputSpec, ...]) -> str:
    """The path of an output, or the one name of those of all subjects."""
    path = str(output.path)
    if output.kind == "id-mask":
        return path
    alike = [each for each in outputs if evolve(each, path=output.path, whose=output.whose) == output]
    names = {each.whose[0]: str(each.path) for each in alike if each.whose}
    if output.whose:
        for found in re.finditer(re.escape(output.whose[0]), path):
            typed = path[: found.start()] + SUBJECT_FIELD + path[found.end() :]
            if all(typed.replace(SUBJECT_FIELD, name) == other for name, other in names.items()):
                return typed
    return path


def _changed(group: OptionGroup) -> Iterator[str]:
    """The words of the options that differ from their defaults."""
    for option in options_of(type(group)):
        value = getattr(group, option.name)
        if value != option.default and option.on_command_line:
            yield from option.words(value)


def _shielded(text: str) -> str:
    """A path that is no option and no command."""
    return text if text[:1] != "-" and set(text) & set("./\\") else f"./{text}"
