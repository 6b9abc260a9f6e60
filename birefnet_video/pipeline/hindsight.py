"""What is known of frames by prompts about later ones: subjects carried backwards, over what a first look has kept."""

import json
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from errno import EIO
from fractions import Fraction
from os import SEEK_END
from struct import Struct
from typing import IO, Self

import numpy as np

from birefnet_video.matting.guidance.choosing import Choice
from birefnet_video.matting.guidance.region import Box, box_around
from birefnet_video.matting.guidance.shot import Shot, begin, carry, find_again
from birefnet_video.matting.guidance.sight import Carried, Sight
from birefnet_video.pipeline.reach import HINDSIGHT_S
from birefnet_video.types import FrameMeta, Motion

#: Steps of a pixel that motion is kept in, and the levels of a share.
_STEPS, _LEVELS = 8, 255
#: A length, and the first byte and the length of a record, in files.
_LENGTH, _PLACE = Struct("<Q"), Struct("<QQ")
#: Overlap of what is known from before and from behind below which one of them is wrong.
_AGREE = 0.5


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame of the first look."""

    index: int
    end: int
    """Of its record, in bytes of the file."""
    since: int
    """The first frame that it says something of."""


@dataclass(frozen=True, slots=True)
class Known:
    """A subject in one frame, known from behind."""

    share: bytes
    """Of every pixel's alpha how much is its, packed."""
    box: Box | None
    """Around what is seen of it."""
    weight: float
    """In [0, 1]: how near the prompt is, against the one before it."""


class Hindsight:
    """Subjects in frames before the prompts about them, in files, so that memory does not grow with the frames."""

    def __init__(self, grid: tuple[int, int]) -> None:
        """
        Args:
            grid: height and width of what figures are carried on.
        """
        self._grid = grid
        self._places: IO[bytes] | None = None
        self._records: IO[bytes] | None = None
        self._latest: tuple[int, Mapping[str, Known]] = (-1, {})

    def close(self) -> None:
        """Forget all. May be called twice."""
        for file in (self._places, self._records):
            if file is not None:
                file.close()
        self._places = self._records = None
        self._latest = (-1, {})

    @classmethod
    def read(cls, grid: tuple[int, int], file: IO[bytes]) -> Self:
        """What :meth:`write` wrote.

        Args:
            grid: height and width of what figures are carried on.
            file: at its beginning.

        Raises:
            OSError: if it cannot be read, or is something else.
        """
        made = cls(grid)
        head = file.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise OSError(EIO, "ends in its first bytes", file.name)
        places, records = made._files()
        places.write(file.read(*_LENGTH.unpack(head)))
        shutil.copyfileobj(file, records)
        return made

    def write(self, file: IO[bytes]) -> None:
        """All of it, into a file.

        Raises:
            OSError: if it cannot be written.
        """
        places, records = self._files()
        file.write(_LENGTH.pack(places.seek(0, SEEK_END)))
        for part in (places, records):
            part.seek(0)
            shutil.copyfileobj(part, file)

    def _files(self) -> tuple[IO[bytes], IO[bytes]]:
        """Of places, and of records."""
        if self._places is None or self._records is None:
            self._places, self._records = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        return self._places, self._records

    def keep(self, index: int, names: Mapping[str, Known]) -> None:
        """What is known of a frame, once for each; in any order."""
        places, records = self._files()
        heads = [
            [name, known.weight, None if known.box is None else astuple(known.box), len(known.share)]
            for name, known in names.items()
        ]
        head = json.dumps(heads).encode()
        record = b"".join((_LENGTH.pack(len(head)), head, *(known.share for known in names.values())))
        # Where nothing was written a file holds zeros, and no record has no bytes.
        places.seek(index * _PLACE.size)
        places.write(_PLACE.pack(records.seek(0, SEEK_END), len(record)))
        records.write(record)

    def names(self, index: int) -> Mapping[str, Known]:
        """The subjects that are known in a frame."""
        if self._places is None or self._records is None:
            return {}
        if index != self._latest[0]:
            self._places.seek(index * _PLACE.size)
            place = self._places.read(_PLACE.size)
            start, size = _PLACE.unpack(place) if len(place) == _PLACE.size else (0, 0)
            self._records.seek(start)
            self._latest = (index, _unpacked(self._records.read(size)) if size else {})
        return self._latest[1]

    def share(self, known: Known, before: np.ndarray | None) -> np.ndarray:
        """A subject's share of a frame, float32 (h, w): nearer to what is known from the side whose prompt is nearer.

        Args:
            known: from behind.
            before: the same, known from before; ``None``: nobody had named it.
        """
        packed = np.frombuffer(zlib.decompress(known.share), np.uint8).reshape(self._grid)
        behind = packed.astype(np.float32) / _LEVELS
        if before is None:
            return behind
        common, either = np.minimum(before, behind).sum(), np.maximum(before, behind).sum()
        if common < _AGREE * either:
            # Two different figures: a mixture would be neither.
            return behind if known.weight > 1 / 2 else before
        return (1 - known.weight) * before + known.weight * behind

    def boxes(self, first: int, count: int) -> dict[str, list[Box]]:
        """Around each subject in some frames, by name."""
        found: dict[str, list[Box]] = {}
        for index in range(first, first + count):
            for name, known in self.names(index).items():
                if known.box is not None:
                    found.setdefault(name, []).append(known.box)
        return found


class FirstLook:
    """Frames as they were seen, in a file, so that memory does not grow with them."""

    def __init__(self, grid: tuple[int, int]) -> None:
        """
        Args:
            grid: height and width of what figures are carried on.
        """
        self._grid = grid
        self._file: IO[bytes] | None = None
        self._near: deque[tuple[int, Fraction]] = deque()
        self._choices: list[tuple[_Kept, Choice, Sight]] = []
        self._hindsight = Hindsight(grid)

    def close(self) -> None:
        """Forget all, and the hindsight that it gave. May be called twice."""
        self._hindsight.close()
        if self._file is not None:
            self._file.close()

    def keep(self, meta: FrameMeta, sight: Sight, motion: Motion | None) -> None:
        """A frame that a prompt about a later one says something of, or about which one is; in the order of display.

        Args:
            meta: of the frame.
            sight: of it.
            motion: to it; ``None``: it has nothing to do with the one before.
        """
        if self._near and self._near[-1][0] != meta.index - 1:
            self._near.clear()
        time = meta.pts * meta.time_base
        self._near.append((meta.index, time))
        while self._near[0][1] < time - HINDSIGHT_S:
            self._near.popleft()
        alpha = (sight.alpha * _LEVELS).round().astype(np.uint8)
        fields = () if motion is None else (motion.forward, motion.backward)
        steps = [np.clip(np.round(each * _STEPS), -(2**15), 2**15 - 1).astype(np.int16) for each in fields]
        raw = zlib.compress(b"".join(each.tobytes() for each in (alpha, sight.rgb, *steps)), 1)
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        # It is read from the end: the length comes last.
        self._file.write(raw + _LENGTH.pack(len(raw)))

    def choose(self, choice: Choice, sight: Sight) -> None:
        """What prompts say of the frame that was kept last."""
        assert self._file is not None  # a frame was kept
        kept = _Kept(self._near[-1][0], self._file.tell(), self._near[0][0])
        self._choices.append((kept, choice, sight))

    def hindsight(self) -> Hindsight:
        """Every subject carried back from the prompts about it, to those before at most; closed with this."""
        last = 0
        for kept, choice, sight in self._choices:
            if kept.index > last:
                self._carry_back(begin(choice.mattes, sight), max(last, kept.since), kept)
            last = kept.index
        return self._hindsight

    def _carry_back(self, shot: Shot, first: int, last: _Kept) -> None:
        _, motion, end = self._read(last.end)
        for index in range(last.index - 1, first - 1, -1):
            sight, next_motion, end = self._read(end)
            # From the later frame to the earlier one.
            shot = find_again(shot, sight) if motion is None else carry(shot, sight, Carried.of(_turned(motion)))
            weight = (index - first + 1) / (last.index - first + 1)
            self._hindsight.keep(index, dict(_known(shot, weight)))
            motion = next_motion

    def _read(self, end: int) -> tuple[Sight, Motion | None, int]:
        """The frame whose record ends there, the motion to it, and where the record before it ends."""
        assert self._file is not None  # a frame was kept
        height, width = self._grid
        self._file.seek(end - _LENGTH.size)
        (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
        start = end - _LENGTH.size - length
        self._file.seek(start)
        raw = zlib.decompress(self._file.read(length))
        size = height * width
        alpha = np.frombuffer(raw, np.uint8, size).reshape(height, width).astype(np.float32) / _LEVELS
        rgb = np.frombuffer(raw, np.uint8, 3 * size, size).reshape(height, width, 3)
        sight = Sight.of(alpha, rgb)
        if len(raw) == 4 * size:
            return sight, None, start
        steps = np.frombuffer(raw, np.int16, 4 * size, 4 * size).reshape(2, height, width, 2).astype(np.float32)
        return sight, Motion(steps[0] / _STEPS, steps[1] / _STEPS, is_cut=False, continues=True), start


def _unpacked(record: bytes) -> dict[str, Known]:
    (length,) = _LENGTH.unpack_from(record)
    at, names = _LENGTH.size + length, {}
    for name, weight, box, size in json.loads(record[_LENGTH.size : at]):
        names[name] = Known(record[at : at + size], None if box is None else Box(*box), weight)
        at += size
    return names


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
