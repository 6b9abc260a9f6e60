"""Image sequences as an input: ``shot_%04d.png``."""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
from av.video.codeccontext import VideoCodecContext

from birefnet_video.defaults import SEQUENCE_RATE
from birefnet_video.errors import InputMissing, NotAVideo
from birefnet_video.inputs.remote import Place, RemoteFile, place_of
from birefnet_video.limits import DEFAULT_LIMITS, Limits
from birefnet_video.options.input import NUMBER, is_pattern
from birefnet_video.pictures.headers import is_whole, turn_of
from birefnet_video.types import PictureSequence, Turn

#: Decoders that fail at unknown tags when they are told to fail at damage.
_PARTICULAR = {"tiff"}
#: Gaps that are named one by one.
_MOST_GAPS = 5


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


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """The numbers without a gap, one range after the other."""
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield range(start, previous + 1)
            start = number
        previous = number
    yield range(start, previous + 1)


def is_there(path: Path) -> bool:
    """Whether there is a file of a name, or a picture of the numbered ones that it stands for."""
    # Unlike Path's, it takes a name that no file system has for one that is not there.
    return os.path.exists(path) or (is_pattern(path) and os.path.isdir(path.parent) and bool(list_numbers(path)))  # noqa: PTH110, PTH112


def could_be(path: Path, other: Path) -> bool:
    """Whether ``other`` is a file that the name with ``%d`` may stand for, whatever the case of its letters."""
    in_place = path.parent.resolve() == other.parent.resolve()
    return in_place and re.fullmatch(_names(path).pattern, other.name, re.IGNORECASE) is not None


def _names(path: Path) -> re.Pattern[str]:
    (width,) = NUMBER.findall(path.name)
    before, after = (re.escape(part) for part in (NUMBER.sub("\0", path.name)).split("\0"))
    return re.compile(f"{before}(\\d{{{width or 1},}}){after}")


def missing(sequence: PictureSequence, first: int | None = None, last: int | None = None) -> str | None:
    """What is not there or empty between two numbers, in words; ``None``: nothing.

    Args:
        sequence: to look at.
        first: number to begin with; ``None``: the sequence's first.
        last: number to end with; ``None``: the sequence's last.
    """
    ends = (*sequence.numbers, *sequence.broken)
    first = min(ends) if first is None else first
    last = max(ends) if last is None or last == sequence.last_number else last
    there = set(sequence.numbers)
    wanted: Iterable[int] = range(first, last + 1) if sequence.is_counted else sorted(sequence.broken)
    lost = [number for number in wanted if first <= number <= last and number not in there]
    if not lost:
        return None
    return f"{len(lost)} picture{'s are' if len(lost) > 1 else ' is'} missing ({_names_of(lost)})"


def damaged_pictures(sequence: PictureSequence, ticks: Sequence[int]) -> list[str]:
    """What could not be decoded, in words.

    Args:
        sequence: that was read.
        ticks: of the pictures, rising.
    """
    if not ticks:
        return []
    numbers = [sequence.number_at(tick) for tick in ticks]
    return [f"{len(numbers)} picture{'s are' if len(numbers) > 1 else ' is'} damaged ({_names_of(numbers)})"]


def _names_of(numbers: Sequence[int]) -> str:
    gaps = list(_runs(numbers))
    names = [f"{gap.start}" if len(gap) == 1 else f"{gap.start}-{gap.stop - 1}" for gap in gaps[:_MOST_GAPS]]
    more = f" and {len(gaps) - _MOST_GAPS} more places" if len(gaps) > _MOST_GAPS else ""
    return f"{', '.join(names)}{more}"


def path_of(sequence: PictureSequence, number: int) -> Place:
    """Where picture ``number`` lies."""
    if isinstance(pattern := place_of(sequence.pattern), RemoteFile):
        return pattern.beside(pattern.name % number)
    return pattern.parent / (pattern.name % number)


def open_picture(
    sequence: PictureSequence, number: int, limits: Limits = DEFAULT_LIMITS
) -> av.container.InputContainer:
    """Open one picture of a sequence, to learn what it is.

    Raises:
        NotAVideo: if it cannot be read.
    """
    path = path_of(sequence, number)
    if isinstance(path, RemoteFile):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / path.name
            path.save(here)
            return _open_picture(here, sequence.rate, limits)
    return _open_picture(path, sequence.rate, limits)


def _open_picture(path: Path, rate: Fraction, limits: Limits) -> av.container.InputContainer:
    try:
        return av.open(
            f"file:{path.resolve()}",
            format="image2",
            container_options={"format_whitelist": "image2"},
            options={
                "pattern_type": "none",
                "framerate": f"{rate.numerator}/{rate.denominator}",
                "protocol_whitelist": "file",
                "max_pixels": str(limits.pixels),
            },
        )
    except av.error.FFmpegError as error:
        raise NotAVideo(f"{path}: cannot be read: {error.strerror}") from None


def still_decoder(sequence: PictureSequence, limits: Limits = DEFAULT_LIMITS) -> VideoCodecContext:
    """A decoder for the pictures of a sequence.

    Raises:
        NotAVideo: if no picture can be read.
    """
    with open_picture(sequence, sequence.numbers[0], limits) as container:
        name = container.streams.video[0].codec_context.name
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_type = "AUTO"
    decoder.options = {"max_pixels": str(limits.pixels)}
    if name not in _PARTICULAR:
        # A picture that is not whole is none.
        decoder.options = {**decoder.options, "err_detect": "explode"}
    return decoder


def packets_of(
    sequence: PictureSequence, numbers: Iterable[int], note_turn: Callable[[int, Turn], None] = lambda tick, turn: None
) -> Iterator[av.Packet]:
    """The pictures of some numbers, one a packet, whose time is the picture's tick.

    Args:
        sequence: of the pictures.
        numbers: of those that are wanted.
        note_turn: takes what turns the picture of a tick upright.
    """
    for number in numbers:
        try:
            data = path_of(sequence, number).read_bytes()
        except OSError:
            # Removed meanwhile: counted as what does not decode.
            data = b""
        if not data or not is_whole(data):
            data = b"\0"
        # A packet made of bytes gives them back to Python on a thread of the decoder, which may be waited for.
        packet = av.Packet(len(data))
        packet.update(data)
        packet.pts = packet.dts = sequence.tick_of(number)
        note_turn(packet.pts, turn_of(data))
        packet.time_base = 1 / sequence.rate
        packet.duration = 1
        packet.is_keyframe = True
        yield packet
