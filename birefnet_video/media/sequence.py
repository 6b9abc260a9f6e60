"""Image sequences as an input: ``shot_%04d.png``."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error

from birefnet_video.defaults import SEQUENCE_RATE
from birefnet_video.errors import InputMissing, NotAVideo
from birefnet_video.types import DEFAULT_LIMITS, Limits, PictureSequence

_NUMBER = re.compile(r"%(?:0(\d{1,2}))?d")
#: Gaps that are named one by one.
_MOST_GAPS = 5


def is_pattern(path: Path) -> bool:
    """Whether a name stands for numbered pictures: it has one ``%d`` or ``%05d`` and no other ``%``."""
    return len(_NUMBER.findall(path.name)) == path.name.count("%") == 1


def find_sequence(path: Path, rate: Fraction | None = None) -> PictureSequence | None:
    """The pictures that a name with ``%d`` or ``%05d`` stands for; ``None`` if it is an ordinary name.

    Args:
        path: of the input.
        rate: pictures a second.

    Raises:
        InputMissing: if there is no such picture.
    """
    if not is_pattern(path) or path.exists():
        return None
    try:
        numbers = list_numbers(path)
    except OSError as error:
        raise InputMissing(f"{path}: the folder cannot be read: {error.strerror}") from None
    if not numbers:
        raise InputMissing(f"{path}: no such picture")
    broken = tuple(number for number in numbers if not _is_readable(path.parent / (path.name % number)))
    if len(broken) == len(numbers):
        raise InputMissing(f"{path}: none of its pictures can be read")
    usable = tuple(number for number in numbers if number not in set(broken))
    return PictureSequence(str(path), usable, broken, rate or Fraction(SEQUENCE_RATE))


def _is_readable(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0 and os.access(path, os.R_OK)


def list_numbers(path: Path) -> tuple[int, ...]:
    """The numbers, rising, of the files that a name with one ``%d`` or ``%05d`` stands for.

    Raises:
        OSError: if the folder cannot be read.
    """
    found = (_names(path).fullmatch(other.name) for other in path.parent.iterdir())
    return tuple(sorted(int(match[1]) for match in found if match and path.name % int(match[1]) == match[0]))


def runs(sequence: PictureSequence) -> Iterator[range]:
    """The numbers without a gap, one range after the other."""
    start = previous = sequence.numbers[0]
    for number in sequence.numbers[1:]:
        if number != previous + 1:
            yield range(start, previous + 1)
            start = number
        previous = number
    yield range(start, previous + 1)


def could_be(path: Path, other: Path) -> bool:
    """Whether ``other`` is a file that the name with ``%d`` may stand for, whatever the case of its letters."""
    in_place = path.parent.resolve() == other.parent.resolve()
    return in_place and re.fullmatch(_names(path).pattern, other.name, re.IGNORECASE) is not None


def _names(path: Path) -> re.Pattern[str]:
    (width,) = _NUMBER.findall(path.name)
    before, after = (re.escape(part) for part in (_NUMBER.sub("\0", path.name)).split("\0"))
    return re.compile(f"{before}(\\d{{{width or 1},}}){after}")


def missing(sequence: PictureSequence, first: int | None = None, last: int | None = None) -> str | None:
    """What cannot be read between two numbers, in words; ``None``: nothing.

    Args:
        sequence: to look at.
        first: number to begin with; ``None``: the sequence's first.
        last: number to end with; ``None``: the sequence's last.
    """
    there = set(sequence.numbers)
    ends = (*sequence.numbers, *sequence.broken)
    lost = [n for n in range(first or min(ends), (max(ends) if last is None else last) + 1) if n not in there]
    if not lost:
        return None
    gaps = list(runs(replace(sequence, numbers=tuple(lost))))
    names = [f"{gap.start}" if len(gap) == 1 else f"{gap.start}-{gap.stop - 1}" for gap in gaps[:_MOST_GAPS]]
    more = f" and {len(gaps) - _MOST_GAPS} more places" if len(gaps) > _MOST_GAPS else ""
    return f"{len(lost)} picture{'s are' if len(lost) > 1 else ' is'} missing ({', '.join(names)}{more})"


def open_run(sequence: PictureSequence, first: int, limits: Limits = DEFAULT_LIMITS) -> av.container.InputContainer:
    """Open the pictures from number ``first`` on.

    Raises:
        NotAVideo: if they cannot be read.
    """
    path = Path(sequence.pattern)
    # The folder's name is no pattern.
    pattern = f"{str(path.parent.resolve()).replace('%', '%%')}/{path.name}"
    try:
        return av.open(
            f"file:{pattern}",
            format="image2",
            container_options={"format_whitelist": "image2"},
            options={
                "pattern_type": "sequence",
                "start_number": str(first),
                "framerate": f"{sequence.rate.numerator}/{sequence.rate.denominator}",
                "protocol_whitelist": "file",
                "max_pixels": str(limits.pixels),
            },
        )
    except av.error.FFmpegError as error:
        raise NotAVideo(f"{path.parent / (path.name % first)}: cannot be read: {error.strerror}") from None
