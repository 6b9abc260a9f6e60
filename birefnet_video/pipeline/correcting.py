"""Other prompts for a render that was begun: which of its parts they say nothing of."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

from birefnet_video.options.prompts import Prompt, parse_prompt
from birefnet_video.outputs.segments import Part
from birefnet_video.pipeline.reach import HINDSIGHT_S

#: What of a key may differ.
SUBJECT = "subject"
#: Frames before those that prompts say something of which smoothing, or where the network looks, may depend on: the
#: largest batch, and as many more as windows reach.
_AROUND = 40


def reached_from(before: Mapping[str, str], now: Mapping[str, str]) -> Fraction | None:
    """The time from which on prompts make a difference, on their clock, in seconds; ``None``: more than they differ.

    Args:
        before: key of the render as it was begun.
        now: as it is to go on, with other prompts.
    """
    if any(before.get(name) != now.get(name) for name in {*before, *now} - {SUBJECT}):
        return None
    old, new = (_prompts(key.get(SUBJECT, "[]")) for key in (before, now))
    changed = [prompt for prompt in (*old, *new) if prompt not in old or prompt not in new]
    if not changed:
        # The same in another order, which decides who of several at one time is said first.
        return Fraction(0)
    first = min(_time(prompt) for prompt in changed)
    # They say nothing of what was before the prompt before them.
    earlier = [_time(prompt) for prompt in new if prompt in old and _time(prompt) < first]
    return max([first - HINDSIGHT_S, *earlier, Fraction(0)])


def standing(parts: Sequence[Part], reached: Fraction, start: Fraction, rate: Fraction) -> int:
    """How many parts, from the first on, other prompts say nothing of.

    Args:
        parts: that are done.
        reached: see :func:`reached_from`.
        start: when the first frame is shown, on the clock of prompts, in seconds.
        rate: frames a second.
    """
    for number, part in enumerate(parts):
        last = part.frames[-1]
        if start + last.pts * last.time_base + _AROUND / rate >= reached:
            return number
    return len(parts)


def _prompts(said: str) -> list[Prompt]:
    return [parse_prompt(text, "journal") for text in json.loads(said)]


def _time(prompt: Prompt) -> Fraction:
    return prompt.time or Fraction(0)
