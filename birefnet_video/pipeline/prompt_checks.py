"""Whether prompts lie in the input that they are about."""

from collections.abc import Iterable
from fractions import Fraction

from birefnet_video.errors import UsageError
from birefnet_video.options.prompts import Box, MaskPicture, Prompt, box_of_prompt
from birefnet_video.types import MediaInfo


def check_prompts(prompts: Iterable[Prompt], info: MediaInfo, start: Fraction) -> None:
    """See whether prompts lie in the input.

    Args:
        prompts: what was said.
        info: of the part of the input that is taken.
        start: where that begins, on the input's clock, in seconds.

    Raises:
        UsageError: if one lies outside of the picture or of the part, or its mask is no file.
    """
    for prompt in prompts:
        check_place(prompt, info.width, info.height)
        if prompt.time is None:
            continue
        end = None if info.duration_s is None else start + Fraction(info.duration_s)
        if prompt.time < start or (end is not None and prompt.time > end):
            until = "" if end is None else f" to {float(end):.2f} s"
            raise UsageError(f"--subject: {prompt}: {info.path} is rendered from {float(start):.2f} s on{until}")


def check_place(prompt: Prompt, width: int, height: int) -> None:
    """
    Raises:
        UsageError: if a prompt lies outside of a picture of ``width`` x ``height``, or its mask is no file.
    """
    if isinstance(prompt, MaskPicture) and not prompt.path.is_file():
        raise UsageError(f"--subject: {prompt.path}: there is no such mask")
    place = box_of_prompt(prompt, (width, height))
    if place is None:
        return
    left, top, right, bottom = place
    # A point lies on a pixel; a box may reach out, if something of it is inside.
    outside = left >= 1 or top >= 1 or (right <= 0 or bottom <= 0 if isinstance(prompt, Box) else left < 0 or top < 0)
    if outside:
        raise UsageError(f"--subject: {prompt}: lies outside of the picture, which is {width}x{height}")
