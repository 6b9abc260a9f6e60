"""Scores of an evaluation as tables and for JSON, and its contact sheets."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.pictures.files import PictureError, read_matte, read_rgb, write_picture

#: Height in pixels of a contact sheet's rows, and greatest width of its tiles.
_ROW, _WIDEST = 150, 1200


def markdown_table(rows: Mapping[str, Mapping[str, float]], columns: Sequence[str], first: str = "set") -> str:
    """Name -> column -> value, as a markdown table; NaN and missing values are dashes."""
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in rows.items():
        cells = (_cell(column, values.get(column, math.nan)) for column in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plain_scores(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Name -> score, as JSON takes it: NaN, which it does not know, is None."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def write_contact_sheet(
    path: Path,
    stems: Sequence[str],
    pictures: Mapping[str, Path],
    truths: Mapping[str, Path],
    found: Mapping[str, Path],
) -> None:
    """A row a picture: itself, the truth, what was found, and the two laid over each other where they differ."""
    rows = []
    for stem in stems:
        try:
            truth, matte = read_matte(truths[stem], is_truth=True), read_matte(found[stem])
            picture = read_rgb(pictures[stem]) if stem in pictures else np.zeros((*truth.shape, 3), np.uint8)
        except PictureError:
            # The picture beside a scored pair may be broken; the sheet does without it.
            continue
        if matte.shape != truth.shape:
            matte = cv2.resize(matte, truth.shape[::-1])
        if picture.shape[:2] != truth.shape:
            picture = cv2.resize(picture, truth.shape[::-1])
        # Missed subject red, false subject blue.
        difference = np.dstack(
            [truth - np.minimum(truth, matte), np.minimum(truth, matte) // 2, matte - np.minimum(truth, matte)]
        )
        tiles = [picture, _grey(truth), _grey(matte), difference]
        width = min(max(1, round(_ROW * truth.shape[1] / truth.shape[0])), _WIDEST)
        row = np.hstack([cv2.resize(tile, (width, _ROW), interpolation=cv2.INTER_AREA) for tile in tiles])
        rows.append(np.ascontiguousarray(row))
    if not rows:
        return
    widest = max(row.shape[1] for row in rows)
    write_picture(path, np.vstack([np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows]))


def _grey(matte: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(matte, cv2.COLOR_GRAY2RGB)


def _cell(column: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if column in ("HCE", "pictures", "frames") else f"{value:.3f}"
