"""The run of the recipe `tiny`: what it begins with, and the sets that came out."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from birefnet_video.model.training.recipe import DataSection
from birefnet_video.model.training.recipe_toml import load_recipe
from budget import Places

RECIPE = "tiny"
#: Commit whose weights the recipe begins with.
_BEGIN = "f370a21"
_WEIGHTS = "model/weights/tiny.safetensors"


def beginning(root: Path, places: Places) -> Path:
    """The weights of version 3, out of the repository's history.

    Raises:
        CalledProcessError: if the clone is without history.
    """
    path = places.own / "before.safetensors"
    if not path.exists():
        shown = subprocess.run(["git", "show", f"{_BEGIN}:{_WEIGHTS}"], cwd=root, check=True, capture_output=True)
        path.write_bytes(shown.stdout)
    return path


def train(begin: Path, places: Places, overrides: Iterable[str]) -> None:
    """Run the recipe into ``places.run``; an interrupted run goes on.

    Raises:
        CalledProcessError: if it ends before its end.
    """
    command = [sys.executable, "-m", "birefnet_video", "train", RECIPE, "--data", str(places.data)]
    more = [*overrides, *without_empty(load_recipe(RECIPE).data, places.data)]
    subprocess.run([*command, "--out", str(places.run), "--init", str(begin), *more], check=True)


def without_empty(wanted: DataSection, data: Path) -> list[str]:
    """Overrides of a recipe that leave out sets without a picture: teachers may agree on nothing of a handful."""
    names = {*wanted.sets.split("+"), *wanted.cutouts, *wanted.places}
    empty = {name for name in names if (data / name / "im").is_dir() and not any((data / name / "im").iterdir())}
    if not empty:
        return []
    print(f"without a picture, and left out: {', '.join(sorted(empty))}", flush=True)
    cutouts = ", ".join(f"{name} = {share}" for name, share in wanted.cutouts.items() if name not in empty)
    places = ", ".join(f'"{name}"' for name in wanted.places if name not in empty)
    return [
        f"data.sets={'+'.join(name for name in wanted.sets.split('+') if name not in empty)}",
        f"data.cutouts={{{cutouts}}}",
        f"data.places=[{places}]",
    ]
