"""Segments that workers have made and that wait for those before them: on the disk, for a later run."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from birefnet_video.outputs.parts import is_whole
from birefnet_video.outputs.segments import DONE_SUFFIX, Part, folder_of, try_path
from birefnet_video.pipeline.plan import PlannedOutput
from birefnet_video.workers.tasks import Done, Task


class MadeSegments:
    """What lies beside the parts of a render's outputs. From any thread."""

    def __init__(self, outputs: tuple[PlannedOutput, ...], time_base: Fraction) -> None:
        """
        Args:
            outputs: of the render.
            time_base: of its frames.
        """
        self._outputs, self._time_base = outputs, time_base
        self._folder = folder_of(outputs[0].spec.path)

    def problem(self, done: Done) -> str | None:
        """Why a segment is not what its worker says, or ``None``. What is there is written down.

        Its packets are compared with what was written as they are joined.
        """
        for place, _, part in self._places(done):
            try:
                size = place.stat().st_size
            except OSError as error:
                return f"{place}: is missing: {error.strerror}"
            if part.written is not None and size != part.written.size:
                return f"{place}: has {size:,} bytes, {part.written.size:,} were written"
        # Without it the segment would be made again: no more.
        with suppress(OSError):
            self._note(done.task.number).write_text(json.dumps(done.to_json()), encoding="utf-8")
        return None

    def ready(self) -> list[Done]:
        """Those that an earlier run has left and that are whole; whatever else it has left is removed."""
        found = [
            done for path in sorted(self._folder.glob(f"*{DONE_SUFFIX}")) if (done := self._read(path)) is not None
        ]
        known = {
            try_path(output.spec.path, done.task.number, done.task.attempt)
            for done in found
            for output in self._outputs
        }
        for output in self._outputs:
            for place in folder_of(output.spec.path).glob("*.try-*"):
                if place not in known:
                    _remove(place)
        return found

    def forget(self, number: int) -> None:
        """A segment has been joined."""
        with suppress(OSError):
            self._note(number).unlink(missing_ok=True)

    def drop(self, task: Task) -> None:
        """Remove what a try has left that is not wanted any more."""
        for output in self._outputs:
            _remove(try_path(output.spec.path, task.number, task.attempt))

    def _places(self, done: Done) -> Iterator[tuple[Path, PlannedOutput, Part]]:
        """Of a segment's parts, where each lies and of which output."""
        for output, part in zip(self._outputs, done.parts, strict=True):
            yield try_path(output.spec.path, done.task.number, done.task.attempt), output, part

    def _note(self, number: int) -> Path:
        return self._folder / f"{number:05d}{DONE_SUFFIX}"

    def _read(self, path: Path) -> Done | None:
        try:
            done = Done.from_json(json.loads(path.read_text(encoding="utf-8")), self._time_base)
            # Power may have gone while it was written.
            is_made = all(
                place.is_dir() if part.written is None else is_whole(place, output.encoding, part.written, part.frames)
                for place, output, part in self._places(done)
            )
            return done if is_made else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _remove(place: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
