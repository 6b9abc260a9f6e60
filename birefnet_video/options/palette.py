"""Which colour is whose in a mask of several subjects."""

import json
from collections.abc import Sequence

#: RGB of 8 bits, in the order in which subjects are first named: full hues far apart first, and white at the end.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 0, 255),
    (255, 128, 0),
    (0, 255, 128),
    (128, 0, 255),
    (128, 255, 0),
    (0, 128, 255),
    (255, 0, 128),
    (255, 255, 255),
)


def key_of(names: Sequence[str]) -> str:
    """Whose colour is which, as the JSON text of a file: names and ``#rrggbb``, in the order of the palette."""
    colours = {name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in zip(names, PALETTE, strict=False)}
    return json.dumps({"version": 1, "background": "#000000", "subjects": colours}, indent=1, ensure_ascii=False) + "\n"
