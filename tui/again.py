"""A render that is asked for again, as a form has it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from attrs import evolve
from birefnet_video.tui.form import FormValues, form_options
from birefnet_video.tui.kinds import KINDS
from birefnet_video.tui.marks import texts_of

from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import PictureFile, SolidColour, VideoFile
from birefnet_video.options.group import text_of
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.prompts import MaskPicture, Prompts
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord


def is_guided(record: JobRecord) -> bool:
    """Whether somebody was to be followed, as far as the record can be read."""
    try:
        request = record.asked()
    except UsageError:
        return False
    return isinstance(request, RenderRequest) and request.spec.matte.is_guided


def values_again(record: JobRecord, *, overwrite: bool = True) -> FormValues:
    """A form that asks for what a render was asked for.

    Args:
        record: of the render.
        overwrite: its results are replaced.

    Raises:
        UsageError: if it is no render of a file, or another version has written it.
    """
    request = record.asked()
    if not isinstance(request, RenderRequest):
        raise UsageError(f"{record.source}: is no file")
    spec, output = request.spec, request.spec.outputs[0]
    groups = (spec.input, spec.backend, spec.matte, spec.colour, evolve(spec.writing, overwrite=overwrite))
    values: dict[str, Any] = {
        name: next(getattr(group, name) for group in groups if hasattr(group, name))
        for name in form_options().keys() - {"background", "codec", "quality"}
    }
    values |= {"codec": output.codec, "quality": output.quality}
    backgrounds = [each.background for each in spec.outputs if _kind_of(each) == "composite"]
    if backgrounds:
        values["background"] = backgrounds[0]
    folder = Path() if Path(record.folder) == Path.cwd() else Path(record.folder)
    values = {name: _from(folder, value) for name, value in values.items()}
    options = {
        name: value if isinstance(value, bool) else text_of(value)
        for name, value in values.items()
        if value != form_options()[name].default
    }
    if "exclude" in options:
        options["exclude"] = texts_of(values["exclude"].said)["exclude"]
    return FormValues(
        source=str(_from(folder, spec.source)),
        kind=_kind_of(output),
        output=str(_from(folder, output.path)),
        also={_option_of(each): str(_from(folder, each.path)) for each in spec.outputs[1:]},
        options=options,
        no_config=request.run.no_config,
    )


def _option_of(output: OutputSpec) -> str:
    """The option that names such an output."""
    option = output.kind.replace("-", "_")
    return "green" if option == "composite" and output.background == SolidColour() else option


def _kind_of(output: OutputSpec) -> str:
    """The first kind of a form that writes such an output."""
    option = _option_of(output)
    fitting = [name for name, kind in KINDS.items() if kind.option == option]
    suffix = output.path.suffix.lower()
    return next((name for name in fitting if suffix in KINDS[name].suffixes), fitting[0])


def _from(folder: Path, value: Any) -> Any:
    """The same where paths begin in another folder."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, PictureFile | VideoFile):
        return replace(value, path=folder / value.path)
    if isinstance(value, MaskPicture):
        return evolve(value, path=folder / value.path)
    if isinstance(value, Prompts):
        return Prompts(tuple(_from(folder, prompt) for prompt in value.said))
    # Names of models are texts, and so are their files.
    is_file = isinstance(value, str) and ("/" in value or "\\" in value) and (folder / value).is_file()
    return str(folder / value) if is_file else value
