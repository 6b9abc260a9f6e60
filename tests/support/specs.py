"""Specifications with their options side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, fields_dict

import birefnet_video.cli as cli
from birefnet_video.options.job import JobSpec
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.outputs import OutputKind, OutputSpec
from birefnet_video.options.request import LiveRequest, RenderRequest


def job_spec(source: Path, outputs: Sequence[OutputSpec], **options: Any) -> JobSpec:
    """A render; options of its groups by their own names, groups by theirs."""
    return with_options(JobSpec(source, tuple(outputs)), **options)


def live_spec(source: str | None, outputs: Sequence[OutputSpec] = (), **options: Any) -> LiveSpec:
    """The same of a live session."""
    return with_options(LiveSpec(source, tuple(outputs)), **options)


def asked(*arguments: str) -> Any:
    """What a command line asks for."""
    return cli.app(arguments, exit_on_error=False, print_error=False, result_action="return_value")


def render_request(source: Path | str, output: Path | str, kind: OutputKind = "alpha", **options: Any) -> RenderRequest:
    """A render of one output."""
    return RenderRequest(job_spec(Path(source), (OutputSpec(kind, Path(output)),), **options))


def live_request(source: str, *recordings: Path | str) -> LiveRequest:
    """A live session that records composites."""
    return LiveRequest(live_spec(source, [OutputSpec("composite", Path(path)) for path in recordings]))


def with_options(spec: Any, **options: Any) -> Any:
    """A specification with other options, each in the group that has it."""
    for name, value in options.items():
        if name in fields_dict(type(spec)):
            spec = evolve(spec, **{name: value})
            continue
        (home,) = (each for each in fields_dict(type(spec)) if name in _fields_of(getattr(spec, each)))
        spec = evolve(spec, **{home: evolve(getattr(spec, home), **{name: value})})
    return spec


def _fields_of(group: Any) -> Any:
    return fields_dict(type(group)) if hasattr(type(group), "__attrs_attrs__") else ()
