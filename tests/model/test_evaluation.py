"""Metrics equal the reference's."""

import json

import numpy as np
import pytest
import video_metrics
from birefnet_video.model.evaluation.pictures import METRICS, mean_scores, score_picture
from birefnet_video.model.evaluation.video import VideoScores
from official import DATA

VECTORS = np.load(DATA / "metrics.npz")
EXPECTED = json.loads((DATA / "metrics-results.json").read_text())
PAIRS = sorted(EXPECTED["per_pair"])
EXACT = 1e-12
#: Our name -> the reference's.
NAMES = {
    "Smeasure": "S",
    "wFmeasure": "wF",
    "MAE": "MAE",
    "MSE": "MSE",
    "adpEm": "E_adp",
    "meanEm": "E_mean",
    "maxEm": "E_max",
    "adpFm": "F_adp",
    "meanFm": "F_mean",
    "maxFm": "F_max",
    "HCE": "HCE",
    "mBA": "mBA",
    "BIoU": "BIoU_max",
}


@pytest.mark.parametrize("pair", PAIRS)
def test_one_picture(pair: str) -> None:
    scores = score_picture(VECTORS[f"{pair}|pred"], VECTORS[f"{pair}|gt"])
    found, expected = mean_scores([scores]), EXPECTED["per_pair"][pair]
    assert set(found) == set(METRICS)
    for name, theirs in NAMES.items():
        assert found[name] == pytest.approx(expected[theirs], abs=EXACT, rel=0, nan_ok=True), name
    for name, theirs in (("Em", "E"), ("Fm", "F"), ("BIoU", "BIoU")):
        assert np.abs(np.array(scores.curves[name]) - VECTORS[f"{pair}|{theirs}_curve"]).max() <= EXACT, name


def test_means_over_all_pictures() -> None:
    rows = [score_picture(VECTORS[f"{pair}|pred"], VECTORS[f"{pair}|gt"]) for pair in EXPECTED["per_pair"]]
    found = mean_scores(rows)
    for name, theirs in NAMES.items():
        if theirs in EXPECTED["aggregate_over_all_pairs"]:
            assert found[name] == pytest.approx(EXPECTED["aggregate_over_all_pairs"][theirs], abs=EXACT, rel=0), name


def test_another_size_is_brought_to_the_truths() -> None:
    meant = np.zeros((64, 64), np.uint8)
    meant[16:48, 16:48] = 255
    assert score_picture(meant[::2, ::2].copy(), meant).values["Smeasure"] > 0.95


def test_empty_pictures_are_right_when_they_stay_empty() -> None:
    empty = np.zeros((32, 32), np.uint8)
    assert score_picture(empty, empty).values["IoU"] == 1.0
    assert score_picture(empty, empty).values["alphaMAE"] == 0.0


def test_a_matte_that_is_the_truth_has_an_iou_of_one() -> None:
    matte = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    assert score_picture(matte, matte).values["IoU"] == 1.0


def test_video_metrics() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :100].astype(np.float32)
    truth = [np.clip((20 - np.hypot(x - 40 - 3 * i, y - 40)) / 6 + 0.5, 0, 1).astype(np.float32) for i in range(4)]
    found = [np.clip(matte + rng.normal(0, 0.1, matte.shape), 0, 1).astype(np.float32) for matte in truth]
    scores = VideoScores()
    for pair in zip(found, truth, strict=True):
        scores.step(*pair)
    expected = video_metrics.per_frame(found, truth, with_conn=True, minmax=False)
    means = scores.means()
    for name in ("MAD", "MSE", "Grad", "Conn", "dtSSD"):
        assert means[name] == pytest.approx(video_metrics.mean(expected[name.lower()]), rel=1e-5), name


def test_video_mattes_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        VideoScores().step(np.zeros((4, 4), np.float32), np.zeros((4, 6), np.float32))
