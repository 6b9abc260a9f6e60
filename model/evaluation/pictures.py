"""Metrics of one picture's matte, as the field's tables have them.

As in those tables the truth is cut at 128 and the prediction stretched to [0, 1], picture by picture, but for HCE, mBA,
IoU and alphaMAE. pysodmetrics computes what it has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from birefnet_video.model.evaluation.boundary import boundary_iou_curve, mean_boundary_accuracy

from birefnet_video.errors import UsageError

#: The columns of a table, in order. "IoU" is of mattes cut at one half; "alphaMAE" leaves both as they are.
METRICS = (
    "Smeasure",
    "wFmeasure",
    "MAE",
    "adpEm",
    "meanEm",
    "maxEm",
    "adpFm",
    "meanFm",
    "maxFm",
    "HCE",
    "mBA",
    "BIoU",
    "MSE",
    "IoU",
    "alphaMAE",
)
#: Above this the field's metrics see the subject, and IoU does.
_TRUE, _HALF = 128, 127


@dataclass(frozen=True, slots=True)
class PictureScores:
    """What one picture adds to the means of its set."""

    values: Mapping[str, float]
    """Metric -> value; NaN where it is not defined for the picture."""
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    """Em, Fm and BIoU at the thresholds 255 to 0; their maximum is taken after the mean over the pictures."""


def score_picture(found: np.ndarray, meant: np.ndarray) -> PictureScores:
    """Compare a matte with the truth.

    Args:
        found: uint8 (h, w); brought to the truth's size by bilinear interpolation if it differs.
        meant: uint8 (H, W).

    Raises:
        UsageError: if pysodmetrics is not installed.
    """
    if found.shape != meant.shape:
        found = cv2.resize(found, meant.shape[::-1], interpolation=cv2.INTER_LINEAR)
    sod = _pysodmetrics()
    measures = {
        "S": sod.Smeasure(),
        "W": sod.WeightedFmeasure(),
        "M": sod.MAE(),
        "E": sod.Emeasure(),
        "F": sod.FmeasureV2({"fm": sod.FmeasureHandler(beta=0.3, with_adaptive=True, with_dynamic=True)}),
        "H": sod.HumanCorrectionEffortMeasure(),
    }
    # It divides nought by nought for sets of one value and gives the agreed result all the same.
    with np.errstate(divide="ignore", invalid="ignore"):
        for measure in measures.values():
            measure.step(found, meant)
        results = {name: measure.get_results() for name, measure in measures.items()}
    truth, stretched = meant > _TRUE, _stretch(found)
    error = found.astype(np.float64) / 255 - meant.astype(np.float64) / 255
    cut, inside = found > _HALF, meant > _HALF
    union = np.count_nonzero(cut | inside)
    values = {
        "Smeasure": results["S"]["sm"],
        "wFmeasure": results["W"]["wfm"],
        "MAE": results["M"]["mae"],
        "adpEm": results["E"]["em"]["adp"],
        "adpFm": results["F"]["fm"]["adaptive"],
        "HCE": results["H"]["hce"],
        "mBA": mean_boundary_accuracy(found > _TRUE, truth),
        "MSE": np.mean((stretched - truth) ** 2),
        "IoU": np.count_nonzero(cut & inside) / union if union else 1.0,
        "alphaMAE": np.abs(error).mean(),
    }
    curves = {
        "Em": results["E"]["em"]["curve"].tolist(),
        "Fm": results["F"]["fm"]["dynamic"].tolist(),
        "BIoU": boundary_iou_curve(stretched, truth).tolist(),
    }
    return PictureScores({name: float(value) for name, value in values.items()}, curves)


def mean_scores(scores: Iterable[PictureScores]) -> dict[str, float]:
    """Metric -> mean over the pictures for which it is defined; NaN if there is none."""
    rows = list(scores)
    means = {name: _mean([row.values[name] for row in rows]) for name in METRICS if name in rows[0].values}
    curves = {name: np.mean([row.curves[name] for row in rows], axis=0) for name in rows[0].curves}
    for name in ("Em", "Fm"):
        means[f"mean{name}"], means[f"max{name}"] = float(curves[name].mean()), float(curves[name].max())
    means["BIoU"] = float(curves["BIoU"].max())
    return {name: means[name] for name in METRICS}


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _stretch(found: np.ndarray) -> np.ndarray:
    """uint8 -> float64 in [0, 1], the least value becoming 0 and the greatest 1."""
    alpha = found / 255
    low, high = alpha.min(), alpha.max()
    return (alpha - low) / (high - low) if high > low else alpha


def _pysodmetrics() -> Any:
    try:
        import py_sod_metrics
    except ImportError:
        raise UsageError("pysodmetrics is not installed", hint="pip install 'birefnet-video[eval]'") from None
    return py_sod_metrics
