"""The largest figure, by itself, beside everything that a network sees: on pictures and clips whose truth is known.

    python benchmarks/auto.py [--pictures SET ...] [--clips FOLDER] [--model tiny] [--below 0.08] [--each]

A SET holds `im/` and `gt/` of the same stems, a clip's folder `rgb.mp4` and `alpha_gt.mkv`. Intersection over union at
one half, in the mean, with nothing said and with `--subject auto`; of pictures those count whose subject fills less
than a share of them, whatever comes of the others is in the second line.
"""

import argparse
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from birefnet_video import matte_image, matte_video


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, nargs="*", default=[])
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--below", type=float, default=0.08)
    parser.add_argument("--each", action="store_true", help="a line for each picture, too")
    options = parser.parse_args()
    print("| what | how many | nothing said | auto |")
    print("|---|---|---|---|")
    for folder in options.pictures:
        rows = np.array(_of_pictures(folder, options.model, each=options.each))
        small = rows[:, 0] < options.below
        for name, part in ((f"{folder.name}, below {options.below:g}", rows[small]), (f"{folder.name}, all", rows)):
            if len(part):
                print(f"| {name} | {len(part)} | {part[:, 1].mean():.3f} | {part[:, 2].mean():.3f} |", flush=True)
    for folder in sorted(options.clips.iterdir()) if options.clips else ():
        if (folder / "rgb.mp4").is_file():
            plain, auto = (_of_clip(folder, options.model, subject) for subject in (None, "auto"))
            print(f"| {folder.name} | {len(plain)} | {np.nanmean(plain):.3f} | {np.nanmean(auto):.3f} |", flush=True)


def _of_pictures(folder: Path, model: str, *, each: bool) -> list[tuple[float, float, float]]:
    """Of each picture: share of it that the subject fills, and both figures."""
    truths = {path.stem: path for path in sorted((folder / "gt").iterdir())}
    rows = []
    for path in sorted((folder / "im").iterdir()):
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        truth = cv2.imread(str(truths[path.stem]), cv2.IMREAD_GRAYSCALE)
        truth = cv2.resize(truth, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
        found = [matte_image(rgb, model=model), matte_image(rgb, model=model, subject="auto")]
        rows.append((float((truth > 127).mean()), *(_iou(matte, truth > 127) for matte in found)))
        if each:
            print(f"| {path.stem} | {rows[-1][0]:.3f} | {rows[-1][1]:.3f} | {rows[-1][2]:.3f} |", flush=True)
    return rows


def _of_clip(folder: Path, model: str, subject: str | None) -> list[float]:
    """Of each frame that shows somebody."""
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "m.mkv"
        matte_video(folder / "rgb.mp4", mask=out, model=model, subject=subject)
        found, truth = _grey(out), _grey(folder / "alpha_gt.mkv")
    pairs = zip(found, truth, strict=True)
    return [_iou(matte / 255, true > 127) if (true > 127).any() else float("nan") for matte, true in pairs]


def _grey(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]


def _iou(matte: np.ndarray, truth: np.ndarray) -> float:
    found = matte > 0.5
    return float((found & truth).sum() / max(int((found | truth).sum()), 1))


if __name__ == "__main__":
    main()
