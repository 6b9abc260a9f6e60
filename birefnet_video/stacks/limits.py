"""What a stack may ask of the machine."""

from pathlib import Path

from birefnet_video.errors import NotAPicture


def check_slice(path: Path, width: int, height: int, most: int) -> None:
    """Refuse slices of too many pixels.

    Raises:
        NotAPicture: with what raises the limit.
    """
    if width * height > most:
        raise NotAPicture(
            f"{path}: its slices are too large: {width}x{height}, at most {most:,} pixels",
            hint="--max-pixels raises the limit",
        )
