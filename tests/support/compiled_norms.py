"""``python compiled_norms.py CAPABILITY DTYPE CHANNELS``: compile the kernels between matrix products for a GPU that
need not be there.

Prints the shared memory that each needs, in bytes. DTYPE is Triton's name of the map's type, such as ``fp16``.
"""

import sys

from birefnet_video.model.norm_triton import BLOCK, OPTIONS, _add_norm, _bias_gelu, blocks_of
from compiled import compiled


def main(capability: str, dtype: str, channels: str) -> None:
    pixels, wide = blocks_of(int(channels))
    names = ("x", "change", "weight", "bias", "total", "normed")
    types = dict.fromkeys(names, f"*{dtype}") | {"eps": "fp32"}
    constants = {"channels": int(channels), "block_pixels": pixels, "block_channels": wide}
    print(compiled(_add_norm, capability, types, constants, OPTIONS).metadata.shared)
    print(compiled(_bias_gelu, capability, types, {"block": BLOCK}, OPTIONS).metadata.shared)


if __name__ == "__main__":
    main(*sys.argv[1:])
