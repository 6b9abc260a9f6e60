"""What the choosing of subjects begins with: an input, and what has been said of it."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from birefnet_video.tui.children import Facts
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.kinds import expanded
from birefnet_video.tui.marks import said_in, subjects_file

from birefnet_video.errors import UsageError
from birefnet_video.options.input import InputSpec
from birefnet_video.options.prompts import Prompt

#: Parts of a second in which times of places are told apart.
_FINEST = 1000
#: Frames a second of an input that says nothing of it.
_USUAL_RATE = 25.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look."""

    time_s: float
    """On the input's clock, in seconds."""
    why: str

    @property
    def time(self) -> Fraction:
        """As it is written."""
        return Fraction(self.time_s).limit_denominator(_FINEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """An input whose subjects are to be chosen."""

    source: Path
    read: InputSpec
    """What of the input is taken, and how."""
    said: tuple[Prompt, ...] = ()
    file: Path | None = None
    """That they come from, and that they are saved in."""
    size: tuple[int, int] = (0, 0)
    """Of the picture in pixels, or noughts if that is not known."""
    rate: float = _USUAL_RATE
    """Frames a second."""
    seconds: float | None = None
    """Length of the input, if known."""
    places: tuple[Place, ...] = ()
    """To look at, in the order of time."""

    @property
    def usual_file(self) -> Path:
        """Beside the input."""
        stem = self.source.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        return self.source.with_name(f"{stem}.subjects.json")

    def within(self, time: Fraction) -> Fraction:
        """The nearest time of the part that is taken."""
        ends = [Fraction(self.seconds)] if self.seconds is not None else []
        ends += [self.read.start + self.read.length] if self.read.length is not None else []
        last = min(ends) - 1 / Fraction(self.rate) if ends else time
        return max(min(time, last), self.read.start)

    def is_first(self, time: Fraction) -> bool:
        """Whether the frame that begins then is the first one of the part."""
        return float(time - self.read.start) < 0.5 / self.rate


def subjects_of(values: FormValues, facts: Facts | None, places: tuple[Place, ...]) -> Subjects:
    """What a form says of its input's subjects.

    Args:
        values: of the form.
        facts: of its input, if they are known.
        places: to look at.

    Raises:
        UsageError: if there is no video, or the form's fields for subjects or the part are wrong.
    """
    if wrong := values.problems().get("source"):
        raise UsageError(wrong)
    if expanded(values.source).is_dir():
        raise UsageError("subjects are marked in one video, not in a folder")
    known = facts or Facts()
    return Subjects(
        source=values.sources[0],
        read=values.of(InputSpec),
        said=said_in(values),
        file=subjects_file(values),
        size=(known.width, known.height),
        rate=known.rate or _USUAL_RATE,
        seconds=known.seconds,
        places=places,
    )
