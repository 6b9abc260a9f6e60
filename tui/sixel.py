"""Pictures as sixel: bands of six lines, in which each colour says by a letter a column where it is.

Not textual-image's encoder, which is no part of its interface; what is, asks the terminal when it is imported.
https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

import re

import numpy as np

#: Colours of a picture: more are hardly seen, and each is a line in every band that has it.
COLOURS = 96
_BAND = 6
#: As a letter: no pixel of a column.
_NONE = 63
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def sent(rgb: np.ndarray) -> str:
    """What a terminal is sent; it paints from the cursor's cell on, a pixel a pixel, and answers nothing.

    Args:
        rgb: uint8 (H, W, 3).
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgb)).quantize(
        COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    indices = np.asarray(image)
    palette = np.asarray(image.getpalette(), np.int32).reshape(-1, 3)
    height, width = indices.shape
    # Of colours the terminal knows hundredths.
    registers = "".join(
        f"#{colour};2;{';'.join(str((100 * level + 127) // 255) for level in palette[colour])}"
        for colour in np.unique(indices).tolist()
    )
    bands = b"-".join(_band(indices[top : top + _BAND]) for top in range(0, height, _BAND))
    return f'\x1bP0;1;0q"1;1;{width};{height}{registers}{bands.decode("ascii")}\x1b\\'


def _band(indices: np.ndarray) -> bytes:
    """A line a colour, one over the other."""
    weights = (1 << np.arange(len(indices), dtype=np.uint8))[:, None]
    lines = []
    for colour in np.unique(indices).tolist():
        letters = ((indices == colour) * weights).sum(0, dtype=np.uint8) + _NONE
        text = letters.astype(np.uint8).tobytes().rstrip(b"?")
        lines.append(b"#%d" % colour + _RUN.sub(_counted, text))
    return b"$".join(lines)


def _counted(run: "re.Match[bytes]") -> bytes:
    return b"!%d" % len(run[0]) + run[1]
