"""Whether subjects are still there, and what is to be said if one is not."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.shot import Shot
from birefnet_video.matting.guidance.sight import at_side

#: Seconds of being hidden after which a subject is lost: behind another one, and otherwise.
_HIDDEN_S, _GONE_S = 1.5, 0.2
#: Change of size from one frame to the next that no figure makes, unless it is leaving.
_JUMP = 2.0

Finding = Literal["lost", "left", "found", "unsure", "waiting"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a subject at a frame."""

    subject: str
    finding: Finding
    why: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What has been said of a subject."""

    size: float
    """Pixels that were seen of it in the frame before; 0: not known."""
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What has been said of subjects up to a frame; says what changes, once."""

    known: Mapping[str, _Known] = field(default_factory=dict)

    def see(
        self, shot: Shot, rate: float, *, is_cut: bool = False, mended: Container[str] = ()
    ) -> tuple["Watch", list[Fate]]:
        """One more frame, and what has become of the subjects in it.

        Args:
            shot: after it.
            rate: frames a second.
            is_cut: it begins a shot.
            mended: names of those that a prompt about this frame or a later one shows in it: they are not lost.
        """
        known, fates = dict(self.known), []
        for figure in shot.figures:
            if figure.name is None or figure.name in mended:
                continue
            before = known.get(figure.name, _Known(0.0))
            known[figure.name], fate = _judged(figure, before, shot, rate, is_cut=is_cut)
            if fate is not None:
                fates.append(fate)
        return Watch(known), fates

    def missed(self, subject: str) -> "Watch":
        """Nothing was seen where a subject was said to be, and that was said."""
        return Watch({**self.known, subject: _Known(0.0, is_lost=True)})

    def picked(self, subject: str) -> "Watch":
        """It was said of a subject that it is somebody else from now on."""
        return Watch({**self.known, subject: _Known(0.0)})


def _judged(figure: Figure, known: _Known, shot: Shot, rate: float, *, is_cut: bool) -> tuple[_Known, Fate | None]:
    assert figure.name is not None
    if figure.hidden_for:
        now = replace(known, size=0.0)
        if known.is_lost or figure.hidden_for < _patience(figure, rate, is_cut=is_cut):
            return now, None
        finding: Finding = "left" if figure.has_left and not is_cut else "lost"
        return replace(now, is_lost=True), Fate(figure.name, finding, _why(figure, is_cut=is_cut))
    now = _Known(figure.seen)
    if figure.name in shot.unclear:
        return now, Fate(figure.name, "unsure", "found again, but others look alike")
    if known.is_lost:
        return now, Fate(figure.name, "found", "seen again")
    jumps = known.size and not shot.met and max(figure.seen / known.size, known.size / max(figure.seen, 1.0)) > _JUMP
    if jumps and not figure.is_behind and not (figure.seen < known.size and at_side(figure.matte)):
        return now, Fate(figure.name, "unsure", f"its size changed from {known.size:.0f} to {figure.seen:.0f} at once")
    return now, None


def _patience(figure: Figure, rate: float, *, is_cut: bool) -> float:
    """Frames of being hidden that are nothing to tell."""
    if is_cut:
        return 1
    return rate * (_HIDDEN_S if figure.is_known_behind else _GONE_S)


def _why(figure: Figure, *, is_cut: bool) -> str:
    if is_cut:
        return "not seen in the new shot"
    if figure.has_left:
        return "left the picture"
    return "hidden behind others" if figure.is_behind else "not seen any more"
