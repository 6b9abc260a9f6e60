"""Whether subjects are still there, and what is to be said if one is not."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.shot import Shot

#: Seconds of being hidden after which a subject is lost: behind another one, and otherwise.
_HIDDEN_S, _GONE_S = 1.5, 0.2
#: Change of size from one frame to the next that no figure makes.
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


class Watch:
    """Follows the figures of subjects and says what changes, once."""

    def __init__(self, rate: float) -> None:
        """
        Args:
            rate: frames a second.
        """
        self._rate = rate
        self._known: dict[str, _Known] = {}

    def see(self, shot: Shot, *, is_cut: bool = False, mended: Container[str] = ()) -> Iterator[Fate]:
        """What has become of the subjects in one more frame.

        Args:
            shot: after it.
            is_cut: it begins a shot.
            mended: names of those that a prompt about this frame or a later one shows in it: they are not lost.
        """
        for figure in shot.figures:
            if figure.name is None or figure.name in mended:
                continue
            known = self._known.get(figure.name, _Known(0.0))
            now, fate = self._judged(figure, known, shot, is_cut=is_cut)
            self._known[figure.name] = now
            if fate is not None:
                yield fate

    def missed(self, subject: str, why: str) -> Fate:
        """Nothing was seen where a subject was said to be."""
        self._known[subject] = _Known(0.0, is_lost=True)
        return Fate(subject, "lost", why)

    def picked(self, fate: Fate) -> Fate:
        """What is said of a subject that is somebody else from now on."""
        self._known[fate.subject] = _Known(0.0)
        return fate

    def _judged(self, figure: Figure, known: _Known, shot: Shot, *, is_cut: bool) -> tuple[_Known, Fate | None]:
        assert figure.name is not None
        if figure.hidden_for:
            now = replace(known, size=0.0)
            if known.is_lost or figure.hidden_for < self._patience(figure, is_cut=is_cut):
                return now, None
            finding: Finding = "left" if figure.has_left and not is_cut else "lost"
            return replace(now, is_lost=True), Fate(figure.name, finding, _why(figure, is_cut=is_cut))
        now = _Known(figure.seen)
        if figure.name in shot.unclear:
            return now, Fate(figure.name, "unsure", "found again, but others look alike")
        if known.is_lost:
            return now, Fate(figure.name, "found", "seen again")
        jumps = (
            known.size and not shot.met and max(figure.seen / known.size, known.size / max(figure.seen, 1.0)) > _JUMP
        )
        if jumps and not figure.is_behind:
            return now, Fate(
                figure.name, "unsure", f"its size changed from {known.size:.0f} to {figure.seen:.0f} at once"
            )
        return now, None

    def _patience(self, figure: Figure, *, is_cut: bool) -> float:
        """Frames of being hidden that are nothing to tell."""
        if is_cut:
            return 1
        return self._rate * (_HIDDEN_S if figure.is_known_behind else _GONE_S)


def _why(figure: Figure, *, is_cut: bool) -> str:
    if is_cut:
        return "not seen in the new shot"
    if figure.has_left:
        return "left the picture"
    return "hidden behind others" if figure.is_behind else "not seen any more"
