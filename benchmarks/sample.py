"""How well a network cuts out the sample, on ten frames that were outlined by hand.

    python benchmarks/sample.py                          # the bundled network
    python benchmarks/sample.py my.safetensors lite

Of each frame alone: the intersection over the union of the matte above one half and the outline, and the mean alpha
inside the outline, away from its edge.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from birefnet_video import Matting

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from outlines import agreement, outlined


def measure(model: str, frames: list[tuple[int, np.ndarray, np.ndarray]], size: str | None) -> dict[str, Any]:
    """Figures of a network, by name or path, at a size of input.

    Returns:
        ``frames`` (number -> IoU), their ``mean`` and ``least``, and alpha ``inside``.
    """
    with Matting(model=model, size=size) as matting:
        rows = [agreement(matting.image(rgb), inside) for _, rgb, inside in frames]
    union, core = (np.array(column) for column in zip(*rows, strict=True))
    return {
        "frames": {number: float(each) for (number, _, _), each in zip(frames, union, strict=True)},
        "mean": float(union.mean()),
        "least": float(union.min()),
        "inside": float(core.mean()),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["tiny"])
    parser.add_argument("--size", help="of the input; that of the bundled network is 512x288")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    frames = outlined()
    print(f"| network | {' | '.join(str(number) for number, _, _ in frames)} | mean | least | alpha inside |")
    print("|---" * (len(frames) + 4) + "|")
    figures = {}
    for model in options.models:
        row = figures[Path(model).stem] = measure(model, frames, options.size)
        cells = [f"{each:.3f}" for each in (*row["frames"].values(), row["mean"], row["least"], row["inside"])]
        print(f"| {Path(model).stem} | {' | '.join(cells)} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
