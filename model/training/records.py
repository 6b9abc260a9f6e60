"""What a run leaves to look at: a table of losses, TensorBoard events and contact sheets."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from birefnet_video.model.birefnet import TrainingOutput
from birefnet_video.model.training.data import TrainingBatch
from birefnet_video.model.training.hybrid import TERMS
from torch.nn import functional as F

from birefnet_video.errors import UsageError
from birefnet_video.pictures.files import write_picture

_COLUMNS = ("step", "epoch", "loss", "pixel", "classification", "gradient", *TERMS, "rate", "pictures_per_s", "skipped")
#: Rows of a contact sheet, and the greatest side of its tiles in pixels.
_ROWS, _TILE = 6, 192
#: Value of what is not known in a contact sheet.
_UNKNOWN = 110


class Records:
    """``log.csv``, ``previews/`` and, if asked for, ``tensorboard/`` in a run's folder."""

    def __init__(self, folder: Path, step: int, *, tensorboard: bool) -> None:
        """
        Args:
            folder: of the run.
            step: at which the run goes on; lines from later steps are dropped.
            tensorboard: write events too.

        Raises:
            UsageError: if TensorBoard is wanted and not installed.
        """
        self._folder = folder
        path = folder / "log.csv"
        kept: list[dict[str, str]] = []
        if step and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        self._file = path.open("w", newline="", encoding="utf-8")
        self._table = csv.DictWriter(self._file, _COLUMNS)
        self._table.writeheader()
        self._table.writerows(kept)
        self._events: Any = _summary_writer(folder / "tensorboard", step) if tensorboard else None

    def loss(self, step: int, epoch: int, told: Mapping[str, float], rate: float, speed: float, skipped: int) -> None:
        """Add a line; ``step`` counts from 1, ``told`` is what the loss says, ``speed`` is in pictures a second."""
        values = {**told, "rate": rate, "pictures_per_s": round(speed, 3)}
        self._table.writerow({"step": step, "epoch": epoch, "skipped": skipped, **values})
        self._file.flush()
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)

    def preview(self, step: int, batch: TrainingBatch, out: TrainingOutput) -> None:
        """Write a contact sheet: picture, matte, then the predictions from the final one to the coarsest."""
        rows = []
        for i in range(min(_ROWS, len(batch.rgb))):
            truth = np.where(batch.known[i].numpy() > 127, batch.alpha[i].numpy(), _UNKNOWN).astype(np.uint8)
            size = (truth.shape[0], truth.shape[1])
            found = [_grey(prediction[i : i + 1], size) for prediction in reversed(out.predictions)]
            scale = min(1.0, _TILE / max(size))
            tiles = [batch.rgb[i].numpy(), *(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB) for grey in (truth, *found))]
            rows.append(np.hstack([cv2.resize(tile, None, fx=scale, fy=scale) for tile in tiles]))
        folder = self._folder / "previews"
        folder.mkdir(exist_ok=True)
        sheet = np.vstack(rows)
        write_picture(folder / f"step-{step:07d}.jpg", sheet)
        if self._events is not None:
            self._events.add_image("preview", sheet, step, dataformats="HWC")

    def close(self) -> None:
        """Finish all files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def _grey(logits: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    alpha = F.interpolate(torch.sigmoid(logits.detach().float()), size=size, mode="bilinear")
    return (alpha[0, 0] * 255).round().byte().cpu().numpy()


def _summary_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "run.tensorboard: TensorBoard is not installed", hint="pip install 'birefnet-video[train]'"
        ) from None
    return SummaryWriter(str(folder), purge_step=step)
