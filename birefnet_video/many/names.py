"""Names of outputs that hold fields, of which every input makes its own: ``out/{stem}.alpha.mov``."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

from birefnet_video.errors import UsageError
from birefnet_video.options.outputs import SUBJECT_FIELD, stem_of
from birefnet_video.words import nearest

#: What may stand in braces.
FIELDS = ("stem", "suffix", "parent", "kind", "index", "subject")
#: From here on, a word in braces is taken for a misspelt field.
_LIKE_A_FIELD = 0.7
_KNOWN = "there are " + ", ".join(f"{{{name}}}" for name in FIELDS)


def holds_field(path: Path | None) -> bool:
    """Whether a name is meant for many inputs: it holds a field, or what is like one. Other braces are letters.

    ``{subject}`` says nothing of inputs: each may have several.
    """
    text = str(path).replace(SUBJECT_FIELD, "") if path is not None else ""
    found = re.findall(r"\{(\w+)(?::\w*)?\}", text)
    return any(nearest(name, FIELDS, likeness=_LIKE_A_FIELD) for name in found)


def values_of(source: Path, index: int) -> dict[str, str | int]:
    """What the fields are for an input.

    Args:
        source: the input.
        index: its number, from 1.
    """
    suffix = source.suffix.removeprefix(".")
    return {"stem": stem_of(source), "suffix": suffix, "parent": source.resolve().parent.name, "index": index}


def filled(path: Path, option: str, values: Mapping[str, str | int]) -> Path:
    """A name with its fields filled in; doubled braces are single ones.

    Args:
        path: as it was given.
        option: that it was given to, without hyphens; it is the field ``kind``.
        values: of the other fields.

    Raises:
        UsageError: if it holds a field that there is none of.
    """
    made, known = "", {**values, "kind": option}
    try:
        for text, field, form, _ in Formatter().parse(str(path)):
            made += text
            if field is None:
                continue
            if field not in known:
                near = nearest(field, FIELDS)
                hint = f"did you mean {{{near}}}? " if near else ""
                raise UsageError(f"--{option} {path}: {{{field}}} is no field", hint=f"{hint}{_KNOWN}")
            made += format(known[field], form or "")
    except ValueError as error:
        raise UsageError(f"--{option} {path}: {error}", hint=f"{_KNOWN}; {{{{ is a brace") from None
    return Path(made)
