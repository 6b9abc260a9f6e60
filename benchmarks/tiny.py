"""How good the bundled network is: IoU, MAE and S-measure per evaluation set, beside U2Netp.

    python benchmarks/tiny.py --data <folder with ecssd, persons, ... each with im/ and gt/>

IoU is of the mattes cut at 0.5, mean over pictures; MAE is on alpha in [0, 1] at the picture's own size; S-measure is
pysodmetrics', of the extra `eval`. Figures are of the same method throughout. The pictures are not in the repository.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from birefnet_video.model.preprocess import postprocess, preprocess

from birefnet_video.models import input_size, weights_path

#: IoU, MAE and S-measure of U2Netp at 320 px (4.6 MB).
U2NETP = {
    "ecssd": (0.856, 0.039, 0.917),
    "persons": (0.946, 0.018, 0.961),
    "pedestrians": (0.772, 0.060, 0.868),
    "davis": (0.757, 0.022, 0.888),
    "alphamatting": (0.840, 0.099, 0.857),
}


def scores(net: BiRefNet, folder: Path, size: tuple[int, int] | None) -> tuple[float, float, float | None]:
    """Mean IoU, MAE and S-measure over a set; ``size`` as the program would choose it if ``None``."""
    try:
        from py_sod_metrics import Smeasure

        structure = Smeasure()
    except ImportError:
        structure = None
    ious, errors = [], []
    for path in sorted((folder / "im").iterdir()):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        truth = cv2.imread(str(folder / "gt" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        height, width = truth.shape
        with torch.inference_mode():
            logits = net(preprocess(picture, size or input_size("tiny", width, height))[None])
        alpha = postprocess(logits, truth.shape)[0, 0].numpy()
        found, meant = alpha > 0.5, truth > 127
        ious.append((found & meant).sum() / max((found | meant).sum(), 1))
        errors.append(np.abs(alpha - truth / 255).mean())
        if structure is not None:
            structure.step((alpha * 255).round().astype(np.uint8), truth)
    return float(np.mean(ious)), float(np.mean(errors)), structure.get_results()["sm"] if structure else None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--square", type=int, help="side of a square input, instead of the picture's own shape")
    parser.add_argument("--sets", nargs="*", default=list(U2NETP))
    options = parser.parse_args()
    net = load_checkpoint(weights_path(options.model), patch_order="current")
    size = (options.square, options.square) if options.square else None
    print("| set | IoU | MAE | S | U2Netp IoU | MAE | S |\n|---|---|---|---|---|---|---|")
    for name in options.sets:
        iou, error, structure = scores(net, options.data / name, size)
        base = " | ".join(f"{value:.3f}" for value in U2NETP[name])
        print(f"| {name} | {iou:.3f} | {error:.3f} | {structure or float('nan'):.3f} | {base} |", flush=True)


if __name__ == "__main__":
    main()
