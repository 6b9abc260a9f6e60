"""How well a network cuts out the sample, on ten frames that were outlined by hand.

    python benchmarks/sample.py                          # the bundled network
    python benchmarks/sample.py my.safetensors lite

Of each frame alone: the intersection over the union of the matte above one half and the outline, and the mean alpha
inside the outline, away from its edge.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from birefnet_video import Matting

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from outlines import agreement, outlined


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["tiny"])
    frames = outlined()
    print(f"| network | {' | '.join(str(number) for number, _, _ in frames)} | mean | least | alpha inside |")
    print("|---" * (len(frames) + 4) + "|")
    for model in parser.parse_args().models:
        with Matting(model=model) as matting:
            rows = [agreement(matting.image(rgb), inside) for _, rgb, inside in frames]
        union, core = (np.array(column) for column in zip(*rows, strict=True))
        cells = [*(f"{each:.3f}" for each in union), f"{union.mean():.3f}", f"{union.min():.3f}", f"{core.mean():.3f}"]
        print(f"| {Path(model).stem} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
