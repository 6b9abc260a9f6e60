"""What the benchmarks say of weights, as figures."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from budget import Places

#: Of the bundled network's input for the sample.
_SAMPLE_SIZE = "512x288"


def measure(
    root: Path, weights: Path, evaluation: Path, empty: Sequence[Path], places: Places, most: int | None = None
) -> dict[str, Any]:
    """Run benchmarks/tiny.py and benchmarks/sample.py.

    Args:
        root: of the repository.
        weights: file to measure.
        evaluation: folder of the evaluation sets.
        empty: folders of pictures without a subject.
        places: where U2Netp is, and figures are kept.
        most: pictures of a set.

    Returns:
        The figures of the one, with those of the other under ``sample``.

    Raises:
        CalledProcessError: if one of them fails.
    """
    figures, sample = places.own / "figures.json", places.own / "sample.json"
    command = [sys.executable, str(root / "benchmarks" / "tiny.py"), "--model", str(weights), "--json", str(figures)]
    command += ["--data", str(evaluation), "--u2netp", str(places.packages / "u2netp.onnx")]
    command += ["--empty", *map(str, empty)]
    command += [] if most is None else ["--most", str(most)]
    subprocess.run(command, check=True)
    # Weights by path do not say that they are the bundled network's.
    program = [sys.executable, str(root / "benchmarks" / "sample.py"), str(weights), "--size", _SAMPLE_SIZE]
    subprocess.run([*program, "--json", str(sample)], check=True)
    return {**json.loads(figures.read_text()), "sample": json.loads(sample.read_text())}
