"""Specifications and plans as JSON values and back, typed."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args

from birefnet_video.options.backgrounds import Background
from birefnet_video.options.prompts import Prompts, as_prompts

_T = TypeVar("_T")


@cache
def converter() -> Any:
    """A cattrs converter that knows our values; what a class does not have is refused."""
    from cattrs.preconf.json import make_converter

    made = make_converter(prefer_attrib_converters=True, forbid_extra_keys=True)
    for as_text in (Path, Fraction):
        made.register_unstructure_hook(as_text, str)
        made.register_structure_hook(as_text, lambda value, cls: cls(value))
    for background in get_args(Background):
        made.register_unstructure_hook(background, str)
    made.register_unstructure_hook(Prompts, str)
    made.register_structure_hook(Prompts, lambda value, cls: as_prompts(value))
    return made


def structured(values: Any, cls: type[_T]) -> _T:
    """JSON values as what they were.

    Raises:
        ValueError: if they are no values of ``cls``; says which and why.
    """
    from cattrs import transform_error
    from cattrs.errors import BaseValidationError

    try:
        made: _T = converter().structure(values, cls)
    except BaseValidationError as error:
        raise ValueError("; ".join(transform_error(error))) from None
    return made
