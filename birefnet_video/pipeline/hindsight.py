"""What is known of frames by prompts about later ones: subjects carried backwards, over what a first look has kept."""

import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from birefnet_video.matting.guidance.choosing import Choice
from birefnet_video.matting.guidance.figure import Carried, Sight
from birefnet_video.matting.guidance.region import Box, box_around
from birefnet_video.matting.guidance.shot import Shot, begin, carry, find_again
from birefnet_video.types import Motion

#: Steps of a pixel that motion is kept in, and the levels of a share.
_STEPS, _LEVELS = 8, 255
#: Overlap of what is known from before and from behind below which one of them is wrong.
_AGREE = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """A subject in one frame, known from behind."""

    share: bytes
    """Of every pixel's alpha how much is its, packed."""
    box: Box | None
    """Around what is seen of it."""
    weight: float
    """In [0, 1]: how near the prompt is, against the one before it."""


@dataclass(slots=True)
class Hindsight:
    """Subjects in frames before the prompts about them."""

    grid: tuple[int, int]
    frames: dict[int, dict[str, Known]] = field(default_factory=dict)
    """Index of a frame -> name of a subject -> what is known."""

    def names(self, index: int) -> Mapping[str, Known]:
        """The subjects that are known in a frame."""
        return self.frames.get(index, {})

    def share(self, known: Known, before: np.ndarray | None) -> np.ndarray:
        """A subject's share of a frame, float32 (h, w): nearer to what is known from the side whose prompt is nearer.

        Args:
            known: from behind.
            before: the same, known from before; ``None``: nobody had named it.
        """
        packed = np.frombuffer(zlib.decompress(known.share), np.uint8).reshape(self.grid)
        behind = packed.astype(np.float32) / _LEVELS
        if before is None:
            return behind
        common, either = np.minimum(before, behind).sum(), np.maximum(before, behind).sum()
        if common < _AGREE * either:
            # Two different figures: a mixture would be neither.
            return behind if known.weight > 1 / 2 else before
        return (1 - known.weight) * before + known.weight * behind

    def boxes(self, first: int, count: int) -> Iterator[Box]:
        """Around subjects in some frames."""
        for index in range(first, first + count):
            yield from (known.box for known in self.names(index).values() if known.box is not None)


class FirstLook:
    """Frames as they were seen, in a file, so that memory does not grow with them."""

    def __init__(self, grid: tuple[int, int]) -> None:
        """
        Args:
            grid: height and width of what figures are carried on.
        """
        self._grid = grid
        self._file: IO[bytes] | None = None
        self._places: list[int] = []
        self._choices: list[tuple[int, Choice, Sight]] = []

    def close(self) -> None:
        """Forget all. May be called twice."""
        if self._file is not None:
            self._file.close()

    def keep(self, sight: Sight, motion: Motion | None) -> None:
        """The next frame, and the motion to it; ``None``: it has nothing to do with the one before."""
        alpha = (sight.alpha * _LEVELS).round().astype(np.uint8)
        fields = () if motion is None else (motion.forward, motion.backward)
        steps = [np.clip(np.round(each * _STEPS), -(2**15), 2**15 - 1).astype(np.int16) for each in fields]
        raw = b"".join(each.tobytes() for each in (alpha, sight.rgb, *steps))
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        self._places.append(self._file.tell())
        self._file.write(zlib.compress(raw, 1))

    def choose(self, choice: Choice, sight: Sight) -> None:
        """What prompts say of the frame that was kept last."""
        self._choices.append((len(self._places) - 1, choice, sight))

    def hindsight(self) -> Hindsight:
        """Every subject carried back from the prompts about it to those before, or to the first frame."""
        if self._file is None:
            return Hindsight(self._grid)
        self._places.append(self._file.tell())
        found, last = Hindsight(self._grid), 0
        for index, choice, sight in self._choices:
            if index > last:
                self._carry_back(found, begin(choice.mattes, sight), last, index)
            last = index
        return found

    def _carry_back(self, found: Hindsight, shot: Shot, first: int, last: int) -> None:
        _, motion = self._read(last)
        for index in range(last - 1, first - 1, -1):
            sight, next_motion = self._read(index)
            # From the later frame to the earlier one.
            shot = find_again(shot, sight) if motion is None else carry(shot, sight, Carried.of(_turned(motion)))
            weight = (index - first + 1) / (last - first + 1)
            found.frames.setdefault(index, {}).update(_known(shot, weight))
            motion = next_motion

    def _read(self, index: int) -> tuple[Sight, Motion | None]:
        assert self._file is not None  # a frame was kept
        height, width = self._grid
        self._file.seek(self._places[index])
        raw = zlib.decompress(self._file.read(self._places[index + 1] - self._places[index]))
        size = height * width
        alpha = np.frombuffer(raw, np.uint8, size).reshape(height, width).astype(np.float32) / _LEVELS
        rgb = np.frombuffer(raw, np.uint8, 3 * size, size).reshape(height, width, 3)
        sight = Sight.of(alpha, rgb)
        if len(raw) == 4 * size:
            return sight, None
        steps = np.frombuffer(raw, np.int16, 4 * size, 4 * size).reshape(2, height, width, 2).astype(np.float32)
        return sight, Motion(steps[0] / _STEPS, steps[1] / _STEPS, is_cut=False, continues=True)


def _turned(motion: Motion) -> Motion:
    return Motion(motion.backward, motion.forward, motion.is_cut, motion.continues)


def _known(shot: Shot, weight: float) -> Iterator[tuple[str, Known]]:
    for figure, share in zip(shot.figures, shot.shares, strict=True):
        if figure.name is not None:
            packed = zlib.compress((share * _LEVELS).round().astype(np.uint8).tobytes(), 1)
            yield figure.name, Known(packed, box_around(figure.matte), weight)


def joined_box(boxes: Sequence[Box]) -> Box:
    """Around several."""
    return Box(
        min(box.top for box in boxes),
        min(box.left for box in boxes),
        max(box.bottom for box in boxes),
        max(box.right for box in boxes),
    )
