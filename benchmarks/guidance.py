"""A chosen subject among others: twelve clips with exact mattes, followed by a network, beside the subject alone.

    python benchmarks/guidance.py [--model tiny] [--figures PICTURES] [--scenes PICTURES] [--only NAME]
                                  [--first N] [--swing SHARE]

PICTURES is a folder of RGBA cutouts of persons, six of them at least, or of backgrounds; without them figures are
drawn. The Nth cutout is the subject, the others follow; SHARE is by how much of their height limbs swing. For each
clip: mean IoU of the subject alone (nobody else in the clip) without guidance and with it, of the
chosen one among others, of its last frames, the share of its matte that lies on pixels of others and how much of that
is not the subject's own (soft borders belong to both), and what was said. The last line is the cost: seconds of a
guided render over those of an unguided one of the same clip, in turns.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from guided_clips import HEIGHT, RATE, WIDTH, Clip, Scenario, drawn_figures, drawn_scene, make_clip, scenarios

from birefnet_video import matte_video

#: Renders in turns whose times are compared.
_TURNS = 3
#: Pixels of a subject below which a frame does not count.
_LEAST = 60


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--figures", type=Path, help="folder of RGBA cutouts")
    parser.add_argument("--scenes", type=Path, help="folder of backgrounds")
    parser.add_argument("--only", default="", help="part of a scenario's name")
    parser.add_argument("--first", type=int, default=0, help="which of the cutouts, from 0, is the subject")
    parser.add_argument("--swing", type=float, default=0.0, help="by how much of their height limbs swing")
    options = parser.parse_args()
    figures, scenes = _figures(options.figures), _scenes(options.scenes)
    figures = [*figures[options.first :], *figures[: options.first]]
    print("| clip | alone | guided | chosen | of it | last frames | others' | not its own | said |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for scenario in scenarios():
            if options.only in scenario.name:
                print(_row(scenario, figures, scenes, options, Path(folder)), flush=True)
        print(f"cost of following: {_cost(figures, scenes, options.model, Path(folder)):.2f} times an unguided render")


def _row(
    scenario: Scenario,
    figures: Sequence[np.ndarray],
    scenes: Sequence[np.ndarray],
    options: argparse.Namespace,
    folder: Path,
) -> str:
    model, swing = options.model, options.swing
    clip = make_clip(scenario, figures, scenes, swing=swing)
    paths = tuple(path for path in scenario.paths if path[0] == scenario.subject)
    alone = make_clip(replace(scenario, paths=paths), figures, scenes, swing=swing)
    found, _ = _mattes(alone, folder, model=model)
    own = float(np.nanmean(_ious(alone.subject, found)))
    said_first = _box(clip.subject[0])
    found, _ = _mattes(alone, folder, model=model, subject=said_first)
    guided = float(np.nanmean(_ious(alone.subject, found)))
    found, said = _mattes(clip, folder, model=model, subject=said_first)
    iou = _ious(clip.subject, found)
    on_others = clip.others > 0.5
    leak, wrong = (
        float((part * on_others).sum() / max(float(found.sum()), 1.0))
        for part in (found, np.maximum(found - clip.subject, 0))
    )
    mean, last = float(np.nanmean(iou)), float(np.nanmean(iou[-8:]))
    figures_of_it = f"{own:.3f} | {guided:.3f} | {mean:.3f} | {mean / own:.2f} | {last:.3f} | {leak:.4f} | {wrong:.4f}"
    return f"| {scenario.name} | {figures_of_it} | {'; '.join(said)} |"


def _cost(figures: Sequence[np.ndarray], scenes: Sequence[np.ndarray], model: str, folder: Path) -> float:
    """Of a clip of two, the median of several turns."""
    clip = make_clip(next(each for each in scenarios() if each.name == "crossing"), figures, scenes)
    source = _written(clip, folder)
    ratios = []
    for _ in range(_TURNS):
        plain = matte_video(source, mask=folder / "p.mkv", model=model, overwrite=True)
        guided = matte_video(source, mask=folder / "g.mkv", model=model, overwrite=True, subject=_box(clip.subject[0]))
        ratios.append(guided.seconds / plain.seconds)
    return median(ratios)


def _mattes(clip: Clip, folder: Path, **options: str) -> tuple[np.ndarray, list[str]]:
    report = matte_video(_written(clip, folder), mask=folder / "m.mkv", overwrite=True, **options)  # type: ignore[arg-type]
    with av.open(str(folder / "m.mkv")) as file:
        found = np.stack([frame.to_ndarray(format="gray") for frame in file.decode(video=0)])
    return found / np.float32(255), [noted.describe() for noted in report.subjects]


def _written(clip: Clip, folder: Path) -> Path:
    path = folder / "in.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "14"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for rgb in clip.frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        file.mux(stream.encode(None))
    return path


def _box(matte: np.ndarray) -> str:
    rows, columns = np.nonzero(matte > 0.5)
    left, top = max(int(columns.min()) - 2, 0), max(int(rows.min()) - 2, 0)
    return f"box={left},{top},{int(columns.max()) + 2 - left},{int(rows.max()) + 2 - top}"


def _ious(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    is_true, is_found = truth > 0.5, found > 0.5
    iou = (is_true & is_found).sum((1, 2)) / np.maximum((is_true | is_found).sum((1, 2)), 1)
    return np.where(is_true.sum((1, 2)) < _LEAST, np.nan, iou)


def _figures(folder: Path | None) -> list[np.ndarray]:
    if folder is None:
        return drawn_figures()
    pictures = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(folder.iterdir())]
    return [cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA) for picture in pictures]


def _scenes(folder: Path | None) -> list[np.ndarray]:
    if folder is None:
        return [drawn_scene(seed) for seed in range(3)]
    size = (WIDTH + 80, HEIGHT + 80)
    pictures = [cv2.imread(str(path)) for path in sorted(folder.iterdir())[:3]]
    return [
        cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB) for picture in pictures
    ]


if __name__ == "__main__":
    main()
