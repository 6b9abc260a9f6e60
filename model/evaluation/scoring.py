"""Scoring of a set's pictures: on several processes, and going on where an earlier run stopped."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from birefnet_video.model.evaluation.pictures import PictureScores, score_picture

from birefnet_video.pictures.files import PictureError, read_matte

#: Most by which the shapes of a prediction and a truth may differ.
_SHAPE_TOLERANCE = 0.02
#: Pictures below which processes cost more than they bring.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Scored:
    """One picture's result."""

    stem: str
    scores: PictureScores | None
    problem: str = ""
    """Why there are no scores."""


class Scorer:
    """A pool of processes that score mattes. Use as a context manager."""

    def __init__(self, processes: int) -> None:
        """
        Args:
            processes: that work; 1: this one.
        """
        # Not forked: the network's threads in this process would leave a forked one in the middle of a lock.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context) if processes > 1 else None

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, stem: str, found: Path | np.ndarray, meant: Path) -> "Future[Scored]":
        """Score a prediction, a file or uint8 (h, w), against a truth's file."""
        if self._pool is not None:
            return self._pool.submit(_score, stem, found, meant)
        future: Future[Scored] = Future()
        future.set_result(_score(stem, found, meant))
        return future


def processes_for(pictures: int, wanted: int | None) -> int:
    """How many processes to score so many pictures with."""
    if wanted is not None:
        return max(1, wanted)
    return 1 if pictures < _FEW else min(os.cpu_count() or 1, pictures)


def _score(stem: str, found: Path | np.ndarray, meant: Path) -> Scored:
    try:
        prediction = found if isinstance(found, np.ndarray) else read_matte(found)
        truth = read_matte(meant, is_truth=True)
        ratio = prediction.shape[1] * truth.shape[0] / (prediction.shape[0] * truth.shape[1])
        if abs(ratio - 1) > _SHAPE_TOLERANCE:
            sizes = f"{prediction.shape[1]}x{prediction.shape[0]}, the truth {truth.shape[1]}x{truth.shape[0]}"
            return Scored(stem, None, f"{meant}: the prediction is {sizes}: another shape")
        return Scored(stem, score_picture(prediction, truth))
    except PictureError as error:
        return Scored(stem, None, str(error))


class Ledger:
    """Scores on disk, a line a picture, so that an interrupted evaluation goes on."""

    def __init__(self, path: Path | None, key_of: Callable[[str], str]) -> None:
        """
        Args:
            path: of the file; ``None``: nothing is kept.
            key_of: stem -> what the scores depend on; scores under another key are computed anew.
        """
        self._path, self._key_of = path, key_of
        self.known: dict[str, PictureScores] = {}
        # The last line of a picture counts: what lies beside the scores is of the same run.
        for line in {line["stem"]: line for line in _lines(path)}.values():
            if line["key"] == key_of(line["stem"]):
                self.known[line["stem"]] = PictureScores(_numbers(line["values"]), line["curves"])

    def add(self, scored: Scored) -> None:
        """Keep a result."""
        if scored.scores is None:
            return
        self.known[scored.stem] = scored.scores
        if self._path is not None:
            values = {name: None if np.isnan(value) else value for name, value in scored.scores.values.items()}
            row = {"stem": scored.stem, "key": self._key_of(scored.stem), "values": values}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "curves": scored.scores.curves}) + "\n")


def file_key(*paths: Path) -> str:
    """Changes when one of the files does."""
    return " ".join(f"{path.stat().st_size}.{path.stat().st_mtime_ns}" for path in paths)


def _lines(path: Path | None) -> Iterator[dict[str, Any]]:
    if path is None or not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            # The last line of a run that was killed.
            continue


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in values.items()}
