"""Pictures in iTerm2's way, which WezTerm and mintty know, too: a file in the text, scaled to cells by the terminal.

https://iterm2.com/documentation-images.html
"""

import base64
import io

import numpy as np

#: Of JPEG, in which most pictures are a tenth of what they are in PNG.
_QUALITY = 85


def sent(rgb: np.ndarray, cells: tuple[int, int]) -> str:
    """What a terminal is sent; it paints from the cursor's cell on, and answers nothing.

    Args:
        rgb: uint8 (H, W, 3).
        cells: columns and lines that it takes.
    """
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(packed, "JPEG", quality=_QUALITY, subsampling=0)
    octets = packed.getvalue()
    # WezTerm would move the cursor below the picture, and scroll.
    asked = f"inline=1;size={len(octets)};width={cells[0]};height={cells[1]};preserveAspectRatio=0;doNotMoveCursor=1"
    return f"\x1b]1337;File={asked}:{base64.b64encode(octets).decode()}\x07"
