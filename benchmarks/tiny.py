"""How good and how fast the bundled network is, beside U2Netp on the same pictures.

    python benchmarks/tiny.py --data <folder with ecssd, persons, ... each with im/ and gt/> --u2netp u2netp.onnx

IoU is of mattes cut at 0.5 and MAE of alpha in [0, 1] at the picture's own size, mean over pictures; S-measure is
pysodmetrics' (extra `eval`). The band is what lies within 10 pixels of a true edge. U2Netp runs at 320 x 320 pixels.
`--empty` takes folders of pictures without a subject; there the mean alpha counts. Neither pictures nor U2Netp are in
the repository.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from birefnet_video.model import load_checkpoint
from birefnet_video.model.evaluation.pictures import score_picture
from birefnet_video.model.optimize import optimize
from birefnet_video.model.preprocess import MEAN, STD, postprocess, preprocess

from birefnet_video.pictures.files import list_pictures, read_matte, read_rgb
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.sizes import input_size

SETS = ("ecssd", "persons", "pedestrians", "davis", "alphamatting")
_BAND = 10
_U2NETP_SIDE = 320

Matting = Callable[[np.ndarray], np.ndarray]


def bundled(model: str, size: tuple[int, int] | None) -> Matting:
    """The network as the program runs it: uint8 (H, W, 3) -> alpha float32 (H, W)."""
    net = optimize(load_checkpoint(weights_path(model), patch_order="current")).to(memory_format=torch.channels_last)

    def matte(rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        with torch.inference_mode():
            logits = net(preprocess(rgb, size or input_size("tiny", width, height))[None])
            return postprocess(logits, (height, width))[0, 0].numpy()

    return matte


def u2netp(path: Path) -> Matting:
    """U2Netp, its result stretched to [0, 1] picture by picture as its programs do."""
    import onnxruntime

    net = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = net.get_inputs()[0].name

    def matte(rgb: np.ndarray) -> np.ndarray:
        small = cv2.resize(rgb, (_U2NETP_SIDE, _U2NETP_SIDE), interpolation=cv2.INTER_AREA)
        x = (small / max(int(small.max()), 1) - MEAN) / STD
        found = net.run(None, {name: x.transpose(2, 0, 1)[None].astype(np.float32)})[0][0, 0]
        found = (found - found.min()) / max(float(found.max() - found.min()), 1e-6)
        return cv2.resize(found, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return matte


def measure(matting: Matting, folder: Path, most: int | None = None) -> dict[str, float]:
    """IoU, MAE, S and MAE in the band, means over a set or the first ``most`` of its pictures."""
    truths = list_pictures(folder / "gt")
    rows = []
    for stem, path in islice(list_pictures(folder / "im").items(), most):
        truth = read_matte(truths[stem])
        alpha = matting(read_rgb(path))
        error = np.abs(alpha - truth / 255)
        band = _band(truth)
        scores = score_picture((alpha * 255).round().astype(np.uint8), truth).values
        rows.append((scores["IoU"], error.mean(), scores["Smeasure"], error[band].mean() if band.any() else np.nan))
    return dict(zip(("IoU", "MAE", "S", "band"), np.nanmean(rows, axis=0).tolist(), strict=True))


def _band(truth: np.ndarray) -> np.ndarray:
    """Pixels within 10 of one that is neither inside nor outside, or of a step between the two."""
    inside = (truth > 127).astype(np.uint8)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge |= (truth > 5) & (truth < 250)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BAND + 1, 2 * _BAND + 1))
    return cv2.dilate(edge.astype(np.uint8), disk) > 0


def measure_empty(matting: Matting, folders: list[Path], most: int | None = None) -> dict[str, float]:
    """Mean alpha over pictures without a subject, and the share of them with less than 1 % of it."""
    paths = [path for folder in folders for path in islice(list_pictures(folder).values(), most)]
    means = [matting(read_rgb(path)).mean() for path in paths]
    if not means:
        raise SystemExit(f"--empty: no pictures in {', '.join(map(str, folders))}")
    return {
        "pictures": len(means),
        "mean": float(np.mean(means)),
        "median": float(np.median(means)),
        "below 0.01": float(np.mean(np.array(means) < 0.01)),
    }


def frames_per_second(matting: Matting, seconds: float = 6.0) -> float:
    """Pictures of 640 x 360 a second, one after the other, resizing included."""
    rgb = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    for _ in range(3):
        matting(rgb)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        matting(rgb)
        count += 1
    return count / (time.perf_counter() - started)


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Set -> network -> figures, as markdown."""
    networks = list(next(iter(results.values())))
    head = " | ".join(f"{name} IoU | MAE | S | band" for name in networks)
    lines = [f"| set | {head} |", "|---" * (1 + 4 * len(networks)) + "|"]
    for name, row in results.items():
        cells = (f"{row[network][key]:.3f}" for network in networks for key in ("IoU", "MAE", "S", "band"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--u2netp", type=Path)
    parser.add_argument("--size", type=int, nargs=2, help="height and width, instead of the picture's own shape")
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--empty", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, help="pictures of each set and folder; all if not given")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    most, empty = options.most, options.empty
    networks = {"tiny": bundled(options.model, tuple(options.size) if options.size else None)}
    if options.u2netp:
        networks["U2Netp"] = u2netp(options.u2netp)
    figures = {
        "sets": {
            name: {key: measure(net, options.data / name, most) for key, net in networks.items()}
            for name in options.sets
        },
        "empty": {key: measure_empty(net, empty, most) for key, net in networks.items()} if empty else {},
        "frames_per_second": {key: frames_per_second(net) for key, net in networks.items()},
    }
    print(table(figures["sets"]))
    for key in ("empty", "frames_per_second"):
        print(f"{key}: {json.dumps(figures[key])}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
