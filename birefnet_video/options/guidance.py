"""Which subject is meant, where several are seen: options, and the file that holds prompts."""

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import converters, evolve, field, frozen
from cyclopts import Group, Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.group import REPEATED, OptionGroup, between, option_group
from birefnet_video.options.prompts import MaskPicture, Prompt, Prompts, parse_prompt, prompts_of

#: What follows subjects beside the mattes.
TrackerName = Literal["none", "edgetam"]
#: Widest margin, in per cent of the diagonal.
_WIDEST = 20
#: On the command line.
_GROUP = Parameter(group=Group("Subject", sort_key=3))


def _meant(value: Any) -> Prompts | None:
    return prompts_of(value, "--subject", excluded=False) if value is not None and value != [] else None


def _not_meant(value: Any) -> Prompts | None:
    return prompts_of(value, "--not", excluded=True) if value is not None and value != [] else None


@option_group
@frozen(kw_only=True, slots=False)
class GuidanceSpec(OptionGroup):
    """Which subject is meant, where several are seen.

    Raises:
        UsageError: if a prompt is none.
    """

    subject: Annotated[Prompts | None, REPEATED, _GROUP] = field(default=None, converter=_meant)
    """Follow this one: box=x,y,w,h, point=x,y, mask=first.png or auto; NAME: and a time before it; may be repeated."""
    exclude: Annotated[Prompts | None, Parameter(name="--not"), REPEATED, _GROUP] = field(
        default=None, converter=_not_meant
    )
    """Not this one: as --subject; may be repeated."""
    subjects: Annotated[Path | None, _GROUP] = field(default=None, converter=converters.optional(Path))
    """File of prompts, as the terminal interface writes it."""
    strict_subject: Annotated[bool, Parameter(show_default=False), _GROUP] = field(default=False)
    """End with exit code 5 if the subject was lost."""

    @property
    def is_guided(self) -> bool:
        """Whether anybody has said which subject is meant."""
        return self.subject is not None or self.subjects is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all subjects, in the order in which they are first said.

        Raises:
            UsageError: see :meth:`prompts`.
        """
        return tuple(dict.fromkeys(prompt.subject for prompt in self.prompts() if not prompt.excluded))

    def prompts(self) -> tuple[Prompt, ...]:
        """All that has been said, the file's first, in the order of time.

        Raises:
            UsageError: if the file cannot be read or holds something else, or all that is said is what is not meant.
        """
        said = [*(read_prompts(self.subjects) if self.subjects is not None else ())]
        for group in (self.subject, self.exclude):
            said += group.said if group is not None else ()
        if said and all(prompt.excluded for prompt in said):
            raise UsageError("--not: needs --subject, which says who is meant")
        return tuple(sorted(said, key=lambda prompt: prompt.time or Fraction(0)))


@option_group
@frozen(kw_only=True, slots=False)
class TrackerSpec(OptionGroup):
    """What follows subjects beside the mattes themselves."""

    tracker: Annotated[TrackerName, _GROUP] = field(default="none")
    """Follow subjects with a network of its own as well, for crowds: edgetam (extra track), or none."""
    tracker_margin: Annotated[float, _GROUP] = field(default=2.0, validator=between(0, _WIDEST))
    """How far around the tracker's masks mattes count, in per cent of the picture's diagonal."""


@option_group
@frozen(kw_only=True, slots=False)
class TrackSpec(TrackerSpec, GuidanceSpec):
    """Who is meant in a video, and what follows them.

    Raises:
        UsageError: if a prompt is none, or there is a tracker and nobody to follow.
    """

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.tracker != "none" and not self.is_guided:
            raise UsageError("--tracker: needs --subject, which says whom to follow")


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> None:
    """Write the file that ``--subjects`` reads."""
    values = {"version": 1, "prompts": [str(prompt) for prompt in prompts]}
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """What :func:`write_prompts` has written; masks lie beside it.

    Raises:
        UsageError: if it cannot be read or is something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        texts = values["prompts"] if values["version"] == 1 else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("no list of texts")
    except OSError as error:
        raise UsageError(f"--subjects: {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        hint = 'for example {"version": 1, "prompts": ["point=640,360"]}'
        raise UsageError(f"--subjects: {path}: is no file of subjects", hint=hint) from None
    found = [parse_prompt(text, f"--subjects: {path}") for text in texts]
    return tuple(
        evolve(each, path=path.parent / each.path) if isinstance(each, MaskPicture) else each for each in found
    )
