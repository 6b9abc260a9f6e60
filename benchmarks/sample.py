"""How well a network cuts out the samples, on ten frames of each that were outlined by hand.

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

#: The demonstration, and an animated clip that is hard.
CLIPS = ("dog", "bunny")


def measure(matting: Matting, frames: list[tuple[int, np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Figures of an open network on a clip.

    Returns:
        ``frames`` (number -> IoU), their ``mean`` and ``least``, and alpha ``inside``.
    """
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
    clips = {name: outlined(name) for name in CLIPS}
    print("| network | clip | IoU of each | mean | least | alpha inside |")
    print("|---|---|---|---|---|---|")
    figures: dict[str, dict[str, Any]] = {}
    for model in options.models:
        own = figures[Path(model).stem] = {}
        with Matting(model=model, size=options.size) as matting:
            for name, frames in clips.items():
                row = own[name] = measure(matting, frames)
                each = " ".join(f"{value:.3f}" for value in row["frames"].values())
                ends = " | ".join(f"{row[key]:.3f}" for key in ("mean", "least", "inside"))
                print(f"| {Path(model).stem} | {name} | {each} | {ends} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
