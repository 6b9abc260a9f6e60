"""Image sequences as an input: ``shot_%04d.png``."""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import av.container
import av.error

from birefnet_video.defaults import SEQUENCE_RATE
from birefnet_video.errors import InputMissing, NotAVideo
from birefnet_video.types import DEFAULT_LIMITS, Limits, PictureSequence

_NUMBER = re.compile(r"%(?:0(\d+))?d")


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
    return PictureSequence(str(path), numbers, rate or Fraction(SEQUENCE_RATE))


def list_numbers(path: Path) -> tuple[int, ...]:
    """The numbers, rising, of the files that a name with one ``%d`` or ``%05d`` stands for.

    Raises:
        OSError: if the folder cannot be read.
    """
    (width,) = _NUMBER.findall(path.name)
    before, after = (re.escape(part) for part in (_NUMBER.sub("\0", path.name)).split("\0"))
    name = re.compile(f"{before}(\\d{{{width or 1},}}){after}")
    found = (name.fullmatch(other.name) for other in path.parent.iterdir())
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


def missing(sequence: PictureSequence) -> str | None:
    """What is not there between the first and the last picture, in words."""
    parts = list(runs(sequence))
    gaps = [(one.stop, other.start - 1) for one, other in pairwise(parts)]
    if not gaps:
        return None
    count = sum(last - first + 1 for first, last in gaps)
    names = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in gaps)
    return f"{count} picture{'s are' if count > 1 else ' is'} missing ({names})"


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
