"""What a call with many inputs asks for, as data."""

from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from birefnet_video.errors import UsageError
from birefnet_video.many.names import filled, holds_field, values_of
from birefnet_video.options.input import STDIN
from birefnet_video.options.many import ManySpec
from birefnet_video.options.outputs import STDOUT, SUBJECT_FIELD, OutputsSpec
from birefnet_video.options.request import RenderRequest

_NAMED = ("alpha", "mask", "green", "composite", "foreground", "id_mask")


@frozen
class ManyRequest:
    """Renders of many inputs that have all but their files in common.

    Raises:
        UsageError: if what is asked for is for one input alone.
    """

    sources: tuple[Path, ...]
    """As they were named: files, folders and numbered pictures."""
    outputs: OutputsSpec
    """Their names may hold fields."""
    many: ManySpec
    common: RenderRequest
    """Of the first input."""

    def __attrs_post_init__(self) -> None:
        if STDIN in self.sources:
            raise UsageError("-: standard input is rendered alone", hint="name files and folders only")
        if any(getattr(self.outputs, name) == STDOUT for name in _NAMED):
            raise UsageError(
                "--alpha -: standard output takes one input alone", hint='for example --alpha "{stem}.mov"'
            )
        for name in ("look", "estimate"):
            if getattr(self.common.run, name):
                raise UsageError(
                    f"--{name}: is for one input", hint="name a file, without --out-dir, --queue and fields in names"
                )

    def of(self, source: Path, index: int, below: Path) -> RenderRequest:
        """The render of one input.

        Args:
            source: the input.
            index: its number, from 1.
            below: where it lay in the folder that was named, to be made again below ``--out-dir``.

        Raises:
            UsageError: if a name of an output holds a field that there is none of, or two have one name.
        """
        values, begins = values_of(source, index), self.many.out_dir
        spec = self.common.spec
        # It stays until it is known whose outputs there are.
        values["subject"] = SUBJECT_FIELD
        given = {name: path for name in _NAMED if (path := getattr(self.outputs, name)) is not None}
        names: dict[str, Any] = {name: filled(path, name, values) for name, path in given.items()}
        outputs = evolve(self.outputs, **names).files(source, spec.matte)
        if begins is not None:
            # The usual name is beside the input.
            ends = [output.path if given else Path(output.path.name) for output in outputs]
            outputs = tuple(
                evolve(output, path=begins / below / end) for output, end in zip(outputs, ends, strict=True)
            )
        return evolve(self.common, spec=evolve(spec, source=source, outputs=outputs))


def is_for_many(sources: tuple[Path, ...], outputs: OutputsSpec, many: ManySpec) -> bool:
    """Whether a call is one of many inputs; one of a single file with plain names is not."""
    with_fields = any(holds_field(getattr(outputs, name)) for name in _NAMED)
    return len(sources) > 1 or many.is_asked or with_fields or sources[0].is_dir()
