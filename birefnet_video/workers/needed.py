"""The files that a render's workers must see, and which of them a machine does not."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from birefnet_video.inputs.sequence import path_of
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.outputs.segments import folder_of
from birefnet_video.pipeline.job_key import content_key
from birefnet_video.pipeline.plan import Plan
from birefnet_video.zoo.known import known_models

#: Groups of files, as they are given out and as users are told of them.
INPUT, WEIGHTS, OUTPUTS = "input", "weights", "outputs"


@dataclass(frozen=True, slots=True)
class Needed:
    """What a render reads, and where it writes. Whoever finds other files under these names does not see it."""

    keys: Mapping[str, Mapping[str, str]]
    """Of each group: what its files hold, by path; of pictures, the first and the last one."""
    marks: tuple[str, ...]
    """Files that lie beside the parts of each output, for others to find."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """What a render needs.

        Raises:
            OSError: if it cannot be read.
        """
        mark = f".seen-{secrets.token_hex(8)}"
        marks = tuple(str(folder_of(output.spec.path) / mark) for output in plan.outputs)
        groups = files_of(plan)
        ends = {group: {path: content_key(path) for path in {paths[0], paths[-1]}} for group, paths in groups.items()}
        return cls({group: {str(path): key for path, key in keys.items()} for group, keys in ends.items()}, marks)

    def leave_marks(self) -> None:
        """Let who writes into the same folders see it.

        Raises:
            OSError: if they cannot be written.
        """
        for mark in self.marks:
            Path(mark).touch()

    def remove_marks(self) -> None:
        """Nobody looks any more."""
        for mark in self.marks:
            with suppress(OSError):
                Path(mark).unlink(missing_ok=True)

    def unseen(self) -> list[str]:
        """The groups that are not seen here, :data:`OUTPUTS` among them."""
        found = [group for group, keys in self.keys.items() if not all(map(_is, keys.keys(), keys.values()))]
        return found if all(Path(mark).is_file() for mark in self.marks) else [*found, OUTPUTS]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"keys": {group: dict(keys) for group, keys in self.keys.items()}, "marks": list(self.marks)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        return cls(values["keys"], tuple(values["marks"]))


def files_of(plan: Plan) -> dict[str, list[Path]]:
    """The files of a user's own that a render reads, by group: each has a name of its own within it."""
    info, model = plan.info, plan.spec.backend.model
    if info.sequence is None:
        groups = {INPUT: [Path(info.path)]}
    else:
        places = [path_of(info.sequence, number) for number in info.sequence.numbers]
        groups = {INPUT: [place for place in places if isinstance(place, Path)]}
    # Who loads it says what is wrong with a name that is no file.
    if model not in known_models() and Path(model).is_file():
        groups[WEIGHTS] = [Path(model)]
    for number, output in enumerate(plan.outputs):
        if isinstance(output.spec.background, PictureFile | VideoFile):
            groups[background_of(number)] = [output.spec.background.path]
    return groups


def background_of(number: int) -> str:
    """The group of what lies behind the subject in an output."""
    return f"background-{number}"


def _is(path: str, key: str) -> bool:
    try:
        return content_key(Path(path)) == key
    except OSError:
        return False
