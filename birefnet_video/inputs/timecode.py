"""SMPTE timecode, as cameras number frames."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction

#: Of a frame, by which containers round its time.
_ROUNDED = Fraction(1, 20)
_FORM = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


def later_timecode(timecode: str, seconds: Fraction, rate: Fraction) -> str | None:
    """The timecode of the frame that comes ``seconds`` later.

    Args:
        timecode: such as ``01:00:00:00``; with a semicolon before the frames numbers are dropped.
        seconds: from that frame on.
        rate: frames a second.

    Returns:
        the timecode, which begins anew after a day, or ``None`` if ``timecode`` is none.
    """
    match = _FORM.fullmatch(timecode)
    if match is None:
        return None
    hours, minutes, seconds_, mark, frames = match.groups()
    count = round(rate)
    # SMPTE ST 12-1: with 30000/1001 two numbers are left out every minute but each tenth, with twice that four.
    dropped = round(count / 15) if mark in ";." else 0
    minute = int(hours) * 60 + int(minutes)
    number = (minute * 60 + int(seconds_)) * count + int(frames) - dropped * (minute - minute // 10)
    a_day = 24 * 3600 * count - dropped * (24 * 60 - 24 * 6)
    # The frame that is shown first begins then or later.
    number = (number + math.ceil(seconds * rate - _ROUNDED)) % a_day
    if dropped:
        ten_minutes, a_minute = 600 * count - 9 * dropped, 60 * count - dropped
        tens, rest = divmod(number, ten_minutes)
        number += 9 * dropped * tens
        if rest >= dropped:
            number += dropped * ((rest - dropped) // a_minute)
    second, frame = divmod(number, count)
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{mark}{frame:02}"


def timecode_in(tags: Mapping[str, str]) -> str | None:
    """The timecode that a file or stream states among its tags."""
    # Matroska's names are in capitals.
    return next((value for key, value in tags.items() if key.lower() == "timecode"), None)
