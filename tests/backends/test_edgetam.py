"""EdgeTAM behind our interface, with a package that stands for its own: see tests/support/stand_ins."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from birefnet_video.backends.edgetam import EdgeTam, require_edgetam
from birefnet_video.backends.trackers import open_tracker
from birefnet_video.errors import BackendUnavailable, CheckpointError
from birefnet_video.matting.guidance.tracker import Pointed

GRID = (36, 64)
STAND_INS = Path(__file__).parents[1] / "support" / "stand_ins"
#: Left and right in pictures, and what lies behind.
RED, GREEN, GREY = (230, 30, 30), (30, 230, 30), (90, 90, 90)


@pytest.fixture(autouse=True)
def nobody_else() -> Iterator[None]:
    """Modules of one test are not those of the next."""
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == "sam2"]:
        del sys.modules[name]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(STAND_INS))
    torch.save({"model": {}}, tmp_path / "edgetam.pt")
    return tmp_path / "edgetam.pt"


def picture(left: int = 10, *, right: bool = True) -> np.ndarray:
    rgb = np.full((144, 256, 3), GREY, np.uint8)
    rgb[40:100, left : left + 60] = RED
    if right:
        rgb[40:100, 180:240] = GREEN
    return rgb


def block(columns: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(GRID, np.float32)
    mask[12:24, slice(*columns)] = 1
    return mask


ANNA = Pointed(points=((40 / 256, 0.5, True), (0.8, 0.5, False)))


def test_each_way_to_say_who_is_meant(weights: Path) -> None:
    tracker = EdgeTam(weights, "cpu", GRID)
    said = {"anna": ANNA, "ben": Pointed(box=(0.7, 0.3, 0.94, 0.7)), "carl": Pointed(mask=block((47, 58)))}
    found = tracker.begin(picture(), said)
    assert list(found) == list(said) and all(each.score > 0.99 and each.is_there for each in found.values())
    assert all(each.mask.shape == GRID and each.mask.dtype == np.float32 for each in found.values())
    assert found["anna"].mask[18, 10] > 0.9 and found["anna"].mask[18, 50] < 0.1
    for name in ("ben", "carl"):
        assert found[name].mask[18, 50] > 0.9 and found[name].mask[18, 10] < 0.1


def test_it_follows_and_says_who_is_not_there(weights: Path) -> None:
    tracker = EdgeTam(weights, "cpu", GRID)
    tracker.begin(picture(), {"anna": ANNA, "ben": Pointed(box=(0.7, 0.3, 0.94, 0.7))})
    found = tracker.follow(picture(60, right=False))
    assert found["anna"].mask[18, 22] > 0.9 and found["anna"].mask[18, 5] < 0.1
    assert found["ben"].score < 0.01 and not found["ben"].is_there


def test_another_one_can_be_named_later(weights: Path) -> None:
    tracker = EdgeTam(weights, "cpu", GRID)
    anna = tracker.begin(picture(), {"anna": ANNA})["anna"]
    tracker.follow(picture(30))
    later = tracker.begin(picture(), {"anna": Pointed(mask=anna.mask), "ben": Pointed(box=(0.7, 0.3, 0.94, 0.7))})
    assert [name for name, each in later.items() if each.is_there] == ["anna", "ben"]
    assert all(each.is_there for each in tracker.follow(picture(30)).values())


def test_what_it_keeps_does_not_grow_and_a_frame_is_looked_at_once(weights: Path) -> None:
    tracker = EdgeTam(weights, "cpu", GRID)
    tracker.begin(picture(), {"anna": ANNA, "ben": Pointed(mask=block((47, 58)))})
    predictor: Any = tracker._predictor
    looked, kept = predictor.looked, []
    for index in range(60):
        tracker.follow(picture(10 + index))
        states: list[Any] = [*tracker._states.values()]
        kept.append([
            (len(state["output_dict"]["non_cond_frame_outputs"]), len(state["frames_already_tracked"]))
            for state in states
        ])  # fmt: skip
    assert kept[-1] == kept[30] and max(kept[-1][0]) <= 18
    assert all(len(state["output_dict"]["cond_frame_outputs"]) == 1 for state in states)
    assert predictor.looked - looked == 60


def test_nothing_is_printed_or_fetched(weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tracker = EdgeTam(weights, "cpu", GRID)
    tracker.begin(picture(), {"anna": ANNA})
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert sys.modules["sam2.modeling.backbones.timm"].ASKED == [False]


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.backends.edgetam.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match="its package is not installed") as error:
        open_tracker("edgetam", "cpu", GRID)
    assert error.value.hint == "get it with: pip install 'birefnet-video[track]'"


def test_sam_2_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sam2").mkdir()
    (tmp_path / "sam2" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BackendUnavailable, match="is not EdgeTAM's"):
        require_edgetam()


def test_without_its_weights_it_is_said_how_to_get_them(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(CheckpointError, match=r"weights of edgetam \(56 MB, Apache-2.0\)") as error:
        open_tracker("edgetam", "cpu", GRID)
    assert error.value.hint == "get them with: birefnet-video models pull edgetam"


def test_a_file_that_is_none_of_its_checkpoints(weights: Path) -> None:
    weights.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="is no checkpoint of EdgeTAM"):
        EdgeTam(weights, "cpu", GRID)
