"""What an input may ask of the machine."""

from dataclasses import dataclass
from fractions import Fraction

from birefnet_video.defaults import MAX_PIXELS, MAX_SECONDS
from birefnet_video.errors import NotAVideo

#: Numbers of pictures beyond this are no counts: a clock's milliseconds, for example.
LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input may ask of the machine."""

    pixels: int = MAX_PIXELS
    """Of one picture."""
    seconds: float = MAX_SECONDS
    """From the first frame to the last."""

    def check_size(self, path: object, width: int, height: int) -> None:
        """Refuse pictures of too many pixels.

        Raises:
            NotAVideo: with what raises the limit.
        """
        if width * height > self.pixels:
            size = f"{width}x{height}, at most {self.pixels:,} pixels"
            raise NotAVideo(f"{path}: its pictures are too large: {size}", hint="--max-pixels raises the limit")

    def check_duration(self, path: object, seconds: float | Fraction) -> None:
        """Refuse a video that lasts too long.

        Raises:
            NotAVideo: with what raises the limit.
        """
        if seconds > self.seconds:
            raise NotAVideo(
                f"{path}: lasts {float(seconds) / 3600:.1f} hours, at most {self.seconds / 3600:g} are allowed",
                hint="--max-duration raises the limit",
            )


#: Those of a job that names none.
DEFAULT_LIMITS = Limits()
