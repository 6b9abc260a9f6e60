"""One salient thing in a shot: where it is, how it moves, how it looks."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from birefnet_video.matting.guidance.learning import Watched, learned
from birefnet_video.matting.guidance.look import Look
from birefnet_video.matting.guidance.parting import Drift
from birefnet_video.matting.guidance.sight import SEEN, SPECK, Carried, Sight, at_border
from birefnet_video.matting.guidance.template import Template, box_of

#: Share of its own size of which a figure that shows less is hidden.
HIDDEN = 0.15
#: How much of each frame goes into speed and size.
_SPEED_RATE, _SIZE_RATE = 0.25, 0.1
#: Pixels a frame by which a figure must move otherwise than up to now for that to be its speed at once, share of its
#: size by which it may have become smaller or larger meanwhile, and speed from which that holds among others, too.
_JUMP, _STEADY, _RUNS = 1.5, 0.2, 4.0
#: Share of a figure whose motion is to be trusted below which its picture is looked for.
_TRUSTED = 0.5
#: How far it is looked for, as a share of the grid's longer side; in pixels, if it has met others.
_REACH, _NEAR = 0.12, 6
#: Share of a figure above which it is in front of those that it has met.
_IN_FRONT = 0.8
#: How much of what a figure among others is off its way is believed in a frame, and goes into its speed.
_STRAY_RATE, _STRAY_SPEED = 0.6, 0.2
#: Shares of a figure that must be seen, and may be among others, for it to be known how fast it moves.
_CLEAR, _TOO_MUCH = 0.6, 1.15
#: Share of a figure among others that must be seen for its picture to be learned.
_LEARNS = 0.6
#: Pixels by which a figure that met others may be larger than it was, and what it counts for further out.
_SLACK, _OUTSIDE = 13, 0.15
#: Share of a figure that was behind others from which a part that is seen again is all of it.
_ALL = 0.6
#: What a figure counts for where its picture was found.
_FOUND = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One connected thing that is salient."""

    name: str | None
    """Of a subject; ``None``: one that nobody asked for."""
    matte: np.ndarray
    """float32 (h, w): what is seen of it."""
    shape: np.ndarray
    """float32 (h, w): all of it, where it would be if nothing were before it."""
    speed: np.ndarray
    """float32 (2,): pixels a frame, across and down."""
    size: float
    """Pixels of all of it."""
    look: Look
    template: Template | None = None
    """Its picture when it was last seen as a whole, or first among others, and where that is now; ``None``: too little
    of it has been seen."""
    watched: Watched | None = None
    """What shows at its picture's place while it is among others; ``None``: it is by itself."""
    stray: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))
    """float32 (2,): pixels by which its picture was found off that way in this frame, across and down."""
    drift: Drift | None = None
    """How its pixels have moved against the whole; ``None``: that is not known yet."""
    is_fast: bool = False
    """It moved further than motion is found."""
    hidden_for: int = 0
    """Frames."""
    is_behind: bool = False
    """It is hidden, or part of it, by another one."""
    has_left: bool = False
    """It was hidden at the border of the picture."""

    @property
    def seen(self) -> float:
        """Pixels that are seen of it."""
        return float(self.matte.sum())

    @classmethod
    def new(cls, name: str | None, matte: np.ndarray, sight: Sight, look: Look | None = None) -> "Figure":
        """One that has just come.

        Args:
            name: of a subject.
            matte: float32 (h, w), all of it.
            sight: the frame.
            look: that is remembered of it.
        """
        seen = Look.of(sight.coded, matte)
        return cls(
            name=name,
            matte=matte,
            shape=matte,
            speed=np.zeros(2, np.float32),
            size=float(matte.sum()),
            look=seen if look is None else look.joined(seen),
            template=Template.cut(matte, sight.alpha, sight.rgb),
        )

    @property
    def is_known_behind(self) -> bool:
        """It is hidden, wholly or in part, but still in the picture."""
        return self.is_behind and not self.has_left

    @classmethod
    def of_two(cls, matte: np.ndarray, sight: Sight, carried: Carried) -> "Figure":
        """One of two that nobody has named, as which a figure has turned out in this frame."""
        new = cls.new(None, matte, sight)
        return replace(new, speed=new._way_now(matte, carried), is_behind=True)

    def followed(self, sight: Sight, carried: Carried) -> "Figure":
        """With the speed that it has now: by the motion of its pixels, or, where that is lost, by its picture."""
        seen = self.seen
        if self.template is None or seen < HIDDEN * self.size:
            return self
        is_trusted = float((carried.bring(self.matte) * carried.trust).sum()) > _TRUSTED * seen
        if self.is_behind and (is_trusted or seen < _IN_FRONT * self.size):
            return replace(self, stray=_STRAY_RATE * self.template.strayed(sight.rgb, self.speed))
        if is_trusted:
            return self
        reach = _NEAR if self.is_behind else round(_REACH * max(self.matte.shape))
        found = self.template.find(sight.rgb, self.speed, reach)
        return replace(self, speed=found, is_fast=True) if found is not None else self

    def guess(self) -> np.ndarray:
        """Where all of it is if it goes on as before, float32 (h, w)."""
        if self.template is None:
            shift = np.array([[1, 0, self.speed[0]], [0, 1, self.speed[1]]], np.float32)
            return cv2.warpAffine(self.shape, shift, self.shape.shape[::-1])
        return self.template.moved(self.speed + self.stray).placed(self.template.mask, self.shape.shape)

    def possible(self, guess: np.ndarray) -> np.ndarray:
        """Where it may be: its guess, and what was hidden of it when it was cut from others, float32 (h, w)."""
        hidden = self.hidden()
        return guess if hidden is None else np.maximum(guess, hidden)

    def hidden(self) -> np.ndarray | None:
        """Where it is not known what it shows, as others were before it, float32 (h, w); ``None``: nowhere."""
        if self.template is None or self.template.hidden is None:
            return None
        return self.template.moved(self.speed + self.stray).placed(self.template.hidden, self.shape.shape)

    def prior(self, guess: np.ndarray, carried: Carried) -> np.ndarray:
        """Where it is by the motion of its pixels, float32 (h, w): it cannot have grown while others hide it."""
        if self.is_fast:
            return _FOUND * guess
        prior = np.minimum(carried.bring(self.matte), 1) * carried.trust
        if not self.is_behind:
            return prior
        around = cv2.dilate(guess, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_SLACK, _SLACK)))
        return prior * (_OUTSIDE + (1 - _OUTSIDE) * around)

    def seen_again(
        self, matte: np.ndarray, sight: Sight, carried: Carried, guess: np.ndarray, *, apart: float | None
    ) -> "Figure":
        """After a frame in which ``matte`` is seen of it.

        Args:
            matte: float32 (h, w).
            sight: the frame.
            carried: where its pixels come from.
            guess: see :meth:`guess`.
            apart: pixels by which those move against it that it has met; ``None``: it is by itself.
        """
        seen = float(matte.sum())
        is_hidden = seen < max(HIDDEN * self.size, SPECK * matte.size)
        is_met = apart is not None
        is_whole = not is_met and not is_hidden
        # What little is seen of a figure among others may be theirs, and what is too much is.
        is_clear = not self.is_fast and seen > _CLEAR * self.size and (is_whole or seen < _TOO_MUCH * self.size)
        speed = self._speed_now(matte, carried) if is_clear else self.speed
        leaves = float(guess[1:-1, 1:-1].sum()) < 0.9 * float(self.shape.sum()) or at_border(self.matte)
        behind = is_met or (is_hidden and self.is_behind)
        template, watched = self._pictured(matte, sight, apart, is_whole=is_whole)
        return replace(
            self,
            matte=matte,
            shape=matte if is_whole else guess,
            template=template,
            watched=watched,
            is_fast=False,
            speed=speed + _STRAY_SPEED * self.stray,
            stray=np.zeros(2, np.float32),
            size=(1 - _SIZE_RATE) * self.size + _SIZE_RATE * seen if is_whole else self.size,
            look=self.look.joined(Look.of(sight.coded, matte)) if is_whole else self.look,
            hidden_for=self.hidden_for + 1 if is_hidden else 0,
            is_behind=behind,
            has_left=is_hidden and (self.has_left or (self.hidden_for == 0 and leaves and not behind)),
        )

    def _pictured(
        self, matte: np.ndarray, sight: Sight, apart: float | None, *, is_whole: bool
    ) -> tuple[Template | None, Watched | None]:
        """Its picture after a frame, and what is watched to learn more of it; see :meth:`seen_again`."""
        if is_whole:
            return Template.of(matte > SEEN, matte, sight.rgb), None
        if self.template is None:
            return None, None
        moved = self.template.moved(self.speed + self.stray)
        if apart is None or matte.sum() < _LEARNS * self.size:
            return moved, self.watched
        return learned(moved, self.watched, sight, apart)

    def found_again(self, matte: np.ndarray, sight: Sight) -> "Figure":
        """After a frame in which it is seen in a part that nobody else claims, float32 (h, w)."""
        seen = float(matte.sum())
        if self.is_known_behind and seen < _ALL * self.size:
            return replace(self, matte=matte, hidden_for=self.hidden_for if seen < HIDDEN * self.size else 0)
        return Figure.new(self.name, matte, sight, self.look)

    def mirrored(self) -> "Figure":
        """The same in a picture in which left is right."""
        turn = np.array([-1, 1], np.float32)
        return replace(
            self,
            matte=np.ascontiguousarray(self.matte[:, ::-1]),
            shape=np.ascontiguousarray(self.shape[:, ::-1]),
            speed=self.speed * turn,
            drift=None if self.drift is None else self.drift.mirrored(),
            stray=self.stray * turn,
            template=None if self.template is None else self.template.mirrored(self.matte.shape[1]),
            watched=None if self.watched is None else self.watched.mirrored(),
        )

    def _speed_now(self, matte: np.ndarray, carried: Carried) -> np.ndarray:
        if self._is_seen_to_go(matte):
            # All of it is seen, as it was before: it has gone where it is now, however fast that was.
            went = _middle(matte) - _middle(self.matte)
            if float(np.hypot(*(went - self.speed))) > _JUMP:
                return went
        way = self._way_now(matte, carried)
        return ((1 - _SPEED_RATE) * self.speed + _SPEED_RATE * way).astype(np.float32)

    def _is_seen_to_go(self, matte: np.ndarray) -> bool:
        """Whether where it is says how fast it went: it is as large as before, and is not among others or runs."""
        if at_border(matte) or at_border(self.matte):
            return False
        seen = float(matte.sum())
        if not self.is_behind:
            return abs(seen - self.seen) < _STEADY * self.size
        is_whole = max(abs(seen - self.size), abs(self.seen - self.size)) < _STEADY * self.size
        return is_whole and float(np.hypot(*self.speed)) > _RUNS

    def _way_now(self, matte: np.ndarray, carried: Carried) -> np.ndarray:
        """By how much the pixels of a matte have moved in the mean, or its speed if that is not known, float32 (2,)."""
        trusted = matte * carried.trust
        weight = float(trusted.sum())
        if weight <= 0.3 * float(matte.sum()):
            return self.speed
        here = box_of(matte > 0, 0)
        way = (carried.ways(here) * trusted[here][..., None]).sum((0, 1), np.float64) / weight
        return way.astype(np.float32)


def _middle(matte: np.ndarray) -> np.ndarray:
    """Of a matte that shows something, across and down, float32 (2,)."""
    rows, columns = np.arange(matte.shape[0]), np.arange(matte.shape[1])
    middle = np.array([float(matte.sum(0) @ columns), float(matte.sum(1) @ rows)]) / float(matte.sum())
    return middle.astype(np.float32)
