"""Numbers as people read them."""

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def clock(seconds: float | None) -> str:
    """``00:01:09``, or dashes if nobody knows."""
    if seconds is None:
        return "--:--:--"
    whole = max(0, round(seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def size(octets: float) -> str:
    """``812 MB``, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if octets < 999.5:
            return f"{octets:.0f} {unit}"
        octets /= 1000
    return f"{octets:.2f} GB"


def pace(fps: float) -> str:
    """``61.3 fps``, or ``1.8 s/frame`` if it takes longer than a second."""
    if fps <= 0:
        return "-- fps"
    return f"{fps:.1f} fps" if fps >= 1 else f"{1 / fps:.1f} s/frame"


def count(number: int) -> str:
    """``6 581``."""
    return f"{number:,}".replace(",", " ")


def bar(share: float, width: int) -> str:
    """``██░░``."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def progress(share: float, width: int) -> str:
    """``━━━╺───``."""
    full = int(min(max(share, 0.0), 1.0) * width)
    rest = width - full
    if share <= 0:
        return "─" * width
    return "━" * full + ("╺" + "─" * (rest - 1) if rest else "")


def sparkline(values: Sequence[float], width: int) -> str:
    """The latest ``width`` values against the largest of them, from nought."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return " " * width
    marks = "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))] for value in shown)
    return marks.rjust(width)


def shortened(text: str, width: int) -> str:
    """At most ``width`` characters; the middle gives way."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def moment(seconds: float) -> str:
    """``00:01:09.40``, to be told from its neighbours."""
    hundredths = max(0, round(100 * seconds))
    return f"{clock(hundredths // 100)}.{hundredths % 100:02}"
