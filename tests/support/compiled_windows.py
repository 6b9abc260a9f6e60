"""``python compiled_windows.py CAPABILITY DTYPE WINDOW``: compile the kernel of window attention for a GPU that need
not be there.

Prints the shared memory that it needs, in bytes. DTYPE is Triton's name of the map's type, such as ``fp16``.
"""

import sys

from birefnet_video.model.export import DTYPES
from birefnet_video.model.window_triton import OPTIONS, _kernel, block_of
from compiled import compiled

HEAD_DIM = 32


def main(capability: str, dtype: str, window: str) -> None:
    side = int(window)
    block = block_of(side * side, DTYPES[dtype], divmod(int(capability), 10))
    types = dict.fromkeys(("qkv", "filling", "position", "out"), f"*{dtype}") | {"scale": "fp32"}
    constants = {"has_filling": True, "is_shifted": True, "window_height": side, "window_width": side}
    constants |= {"head_dim": HEAD_DIM, "block": block}
    print(compiled(_kernel, capability, types, constants, OPTIONS).metadata.shared)


if __name__ == "__main__":
    main(*sys.argv[1:])
