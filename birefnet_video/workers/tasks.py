"""What a worker is given and what it gives back: data that goes from process to process as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.outputs.segments import Part
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.timeline import Timeline
from birefnet_video.types import FrameMeta


@dataclass(frozen=True, slots=True)
class Task:
    """One segment that is to be made."""

    number: int
    first: int
    """Index of its first frame."""
    after: int
    """Index of the first frame behind it."""
    attempt: int = 0
    """Which time it is made: each has files of its own."""

    @property
    def frames(self) -> int:
        """How many it has."""
        return self.after - self.first

    def to_json(self) -> list[int]:
        """As JSON values."""
        return [self.number, self.first, self.after, self.attempt]

    @classmethod
    def from_json(cls, values: list[int]) -> Self:
        """What :meth:`to_json` gave."""
        return cls(*values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A segment whose files lie where the outputs' parts do."""

    task: Task
    parts: tuple[Part, ...]
    """One for each output."""
    damage: tuple[str, ...]
    """What of its frames could not be read."""
    flicker: tuple[float, float] | None
    """Before and after smoothing."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "task": self.task.to_json(),
            "parts": [part.to_json() for part in self.parts],
            "damage": list(self.damage),
            "flicker": None if self.flicker is None else list(self.flicker),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], time_base: Fraction) -> Self:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: if it means nothing.
        """
        task = Task.from_json(values["task"])
        return cls(
            task=task,
            parts=tuple(Part.from_json(part, task.first, time_base) for part in values["parts"]),
            damage=tuple(values["damage"]),
            flicker=None if values["flicker"] is None else tuple(values["flicker"]),
        )


@dataclass(frozen=True, slots=True)
class Brief:
    """What every worker of a render must know."""

    plan: Plan
    timeline: Timeline

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        frames = [meta.pts for meta in self.timeline.frames]
        return {"plan": self.plan.to_json(), "frames": frames, "is_plain": self.timeline.is_plain}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: if it is of another version of the program.
        """
        plan = Plan.from_json(values["plan"])
        frames = (FrameMeta(index, pts, plan.info.time_base) for index, pts in enumerate(values["frames"]))
        return cls(plan, Timeline(tuple(frames), values["is_plain"]))


def error_to_json(error: BaseException) -> dict[str, Any]:
    """An error as JSON values."""
    message = error.message if isinstance(error, BirefnetVideoError) else " ".join(str(error).split())
    return {"type": type(error).__name__, "message": message, "hint": getattr(error, "hint", None)}


def error_from_json(values: Mapping[str, Any]) -> BirefnetVideoError:
    """What :func:`error_to_json` was given, as far as it is one of ours."""
    known = {each.__name__: each for each in _with_subclasses(BirefnetVideoError)}
    cls = known.get(values["type"])
    if cls is None:
        return BirefnetVideoError(f"{values['type']}: {values['message'] or 'no reason given'}")
    return cls(values["message"], hint=values["hint"])


def _with_subclasses(cls: type[BirefnetVideoError]) -> list[type[BirefnetVideoError]]:
    return [cls, *(each for below in cls.__subclasses__() for each in _with_subclasses(below))]
