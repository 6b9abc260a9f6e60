"""How much steadier, and how much worse, each way of smoothing makes noisy mattes whose truth is known; and its cost.

A clip is a folder with rgb.mp4, alpha_gt.mkv, alpha_pred.mkv and facts.json: ``category`` of every frame (static,
slow, fast), ``cuts`` (first frames of shots), ``whole_miss`` and ``half_miss`` (frames whose matte is not there). A
frame with a miss and the one after it count as miss. Figures are ratios to the mattes as they came: dtSSD and MAD, and
the error on background that the subject has just left (trail). EMA and median are the usual cures, without motion.

    python benchmarks/smoothing.py CLIP [CLIP ...] --picture slices.png
    python benchmarks/smoothing.py CLIP --cost tiny --size 288 512
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from birefnet_video.model.evaluation.video import flicker_error, mean_absolute_difference

from birefnet_video import smooth_alphas
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.options.matte import Smoothing
from birefnet_video.options.network import BackendSpec

Mattes = list[np.ndarray]
_MODES: tuple[Smoothing, ...] = ("normal", "high", "live")
_CATEGORIES = ("static", "slow", "fast", "miss")


def ema(rgb: list[np.ndarray], alphas: Mattes) -> Mattes:
    """A moving average of factor one half."""
    out = alphas[:1]
    for alpha in alphas[1:]:
        out.append((out[-1] + alpha) / 2)
    return out


def median(rgb: list[np.ndarray], alphas: Mattes) -> Mattes:
    """The median of three frames."""
    padded = [alphas[0], *alphas, alphas[-1]]
    return [np.median(padded[index : index + 3], axis=0) for index in range(len(alphas))]


def _smoothed(mode: Smoothing, rgb: list[np.ndarray], alphas: Mattes) -> Mattes:
    return list(smooth_alphas(rgb, alphas, mode))


METHODS: dict[str, Callable[[list[np.ndarray], Mattes], Mattes]] = {
    "EMA .5": ema,
    "median of 3": median,
    **{mode: partial(_smoothed, mode) for mode in _MODES},
}


def read_rgb(path: Path) -> list[np.ndarray]:
    """All frames, uint8 (H, W, 3)."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def categories(facts: dict) -> list[str]:
    """One a frame."""
    found = list(facts["category"])
    for miss in (*facts["whole_miss"], *facts["half_miss"]):
        for index in (miss, miss + 1):
            if index < len(found):
                found[index] = "miss"
    return found


def errors(alphas: Mattes, truth: Mattes, facts: dict) -> dict[tuple[str, str], float]:
    """(category, metric) -> mean."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for index, category in enumerate(categories(facts)):
        values[category, "MAD"].append(mean_absolute_difference(alphas[index], truth[index]))
        if index and index not in facts["cuts"]:
            pair = (alphas[index], alphas[index - 1], truth[index], truth[index - 1])
            values[category, "dtSSD"].append(flicker_error(*pair))
            left = (truth[index - 1] > 0.5) & (truth[index] < 0.02)
            if left.sum() > 30:
                values[category, "trail"].append(1e3 * float(np.abs(alphas[index] - truth[index])[left].mean()))
    return {key: float(np.mean(each)) for key, each in values.items()}


def compare(folders: list[Path], picture: Path | None) -> None:
    """Print a table; write time slices of the first clip."""
    print("| clip | method |", " | ".join(f"{name} dtSSD, MAD, trail" for name in _CATEGORIES), "|")
    print("|---|---|" + "---|" * len(_CATEGORIES))
    for number, folder in enumerate(folders):
        facts = json.loads((folder / "facts.json").read_text())
        rgb = read_rgb(folder / "rgb.mp4")
        found, truth = (list(read_mattes(folder / f"alpha_{name}.mkv")) for name in ("pred", "gt"))
        before = errors(found, truth, facts)
        results = {name: method(rgb, found) for name, method in METHODS.items()}
        for name, alphas in results.items():
            after = errors(alphas, truth, facts)
            cells = [
                ", ".join(
                    f"{after[category, metric] / before[category, metric]:.2f}"
                    if before.get((category, metric))
                    else "-"
                    for metric in ("dtSSD", "MAD", "trail")
                )
                for category in _CATEGORIES
            ]
            print(f"| {folder.name} | {name} |", " | ".join(cells), "|", flush=True)
        if picture is not None and number == 0:
            _draw(picture, found, results["normal"], truth)


def _draw(path: Path, *stacks: Mattes) -> None:
    """One row of the pictures through time, below each other: before, after, truth."""
    row = max(range(len(stacks[0][0])), key=lambda y: float(np.mean([alpha[y].std() for alpha in stacks[0]])))
    slices = [np.stack([alpha[row] for alpha in stack]) for stack in stacks]
    grown = [cv2.resize(each, None, fx=2, fy=4, interpolation=cv2.INTER_NEAREST) for each in slices]
    rule = np.full((6, grown[0].shape[1]), 0.5, np.float32)
    cv2.imwrite(str(path), (np.vstack([grown[0], rule, grown[1], rule, grown[2]]) * 255).round().astype(np.uint8))


def cost(model: str, size: tuple[int, int], clip: Path, rounds: int) -> None:
    """Print each mode's time against the network's own in plain eager float32, in turns."""
    from birefnet_video.backends.registry import load_backend

    backend = load_backend(
        BackendSpec(model=model, size=size, device="cpu", batch_size=1, engine="eager", precision="fp32"),
        1920,
        1080,
        frames=100,
    )
    rgb = [cv2.resize(each, size[::-1], interpolation=cv2.INTER_AREA) for each in read_rgb(clip / "rgb.mp4")]
    alphas = [cv2.resize(each, size[::-1]) for each in read_mattes(clip / "alpha_pred.mkv")]
    frames = min(len(rgb), len(alphas), 20)
    spent: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(rounds):
        began = time.perf_counter(), time.process_time()
        backend.infer(rgb[0][None])
        spent["network"].append((time.perf_counter() - began[0], time.process_time() - began[1]))
        for mode in _MODES:
            began = time.perf_counter(), time.process_time()
            list(smooth_alphas(rgb[:frames], alphas[:frames], mode))
            seconds = (time.perf_counter() - began[0]) / frames, (time.process_time() - began[1]) / frames
            spent[mode].append(seconds)
    wall, cpu = (
        {name: statistics.median(each[index] for each in values) for name, values in spent.items()} for index in (0, 1)
    )
    print("| step | ms a frame | share of the network's time | of its processor time |\n|---|---|---|---|")
    for name in spent:
        ratios = f"{wall[name] / wall['network']:.3f} | {cpu[name] / cpu['network']:.3f}"
        print(f"| {name} | {1e3 * wall[name]:.0f} | {ratios} |")


def main() -> None:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--cost", metavar="MODEL", help="measure time instead, on the first clip")
    parser.add_argument("--size", type=int, nargs=2, default=(288, 512), help="height and width of the network's input")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if options.cost:
        cost(options.cost, tuple(options.size), options.clips[0], options.rounds)
    else:
        compare(options.clips, options.picture)


if __name__ == "__main__":
    main()
