"""Training data: sets as they lie on disk, and batches that depend on the seed and the step alone."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from birefnet_video.model.training.augment import blur_along_motion, fit
from birefnet_video.model.training.bodies import draw_bodies
from birefnet_video.model.training.data import TrainingBatch, TrainingData, batches
from birefnet_video.model.training.recipe import AugmentSection, OptimiserSection, Recipe
from birefnet_video.model.training.recipe_toml import parse_recipe
from birefnet_video.model.training.sets import Pair, Sample, find_set
from birefnet_video.model.training.stones import lay_stones
from pictures import make_cutouts, make_set

from birefnet_video.errors import UsageError
from birefnet_video.pictures.files import PictureError, read_matte, read_rgb


def recipe(root: Path, **data: object) -> Recipe:
    table = {
        "data": {"root": str(root), "sets": "discs", "sizes": [[64, 96]], "batch_size": 3, "workers": 0, **data},
        "augment": {"crop": 0.5, "rotate": 0.5, "zoom_out": 0.3, "blur": 0.3, "noise": 0.3, "jpeg": 0.3},
        "run": {"steps": 6},
    }
    return parse_recipe(table)


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("rgb", "alpha", "known", "classes"))


def test_batches_are_the_same_for_any_workers_and_start(tmp_path: Path) -> None:
    make_set(tmp_path)
    make_cutouts(tmp_path)
    options = {"composites": 0.5, "cutouts": {"cutouts": 1.0, "discs": 1.0}, "groups": ["cutouts"], "places": ["discs"]}
    alone = list(batches(TrainingData(recipe(tmp_path, **options)), 0))
    helped = list(batches(TrainingData(recipe(tmp_path, workers=2, **options)), 2))
    assert len(alone) == 6
    assert all(same(one, other) for one, other in zip(alone[2:], helped, strict=True))
    assert not same(alone[0], alone[1])
    for batch in alone:
        assert batch.rgb.shape == (3, 64, 96, 3) and batch.alpha.shape == batch.known.shape == (3, 64, 96)
        assert batch.rgb.dtype == batch.alpha.dtype == torch.uint8


def test_processes_share_a_step(tmp_path: Path) -> None:
    make_set(tmp_path)
    whole = TrainingData(recipe(tmp_path, batch_size=4))[1]
    parts = [TrainingData(recipe(tmp_path, batch_size=4), rank=rank, processes=2)[1] for rank in range(2)]
    assert torch.equal(whole.rgb[0::2], parts[0].rgb) and torch.equal(whole.rgb[1::2], parts[1].rgb)


def test_every_picture_comes_once_an_epoch(tmp_path: Path) -> None:
    make_set(tmp_path, count=6)
    plain = parse_recipe(
        {
            "data": {"root": str(tmp_path), "sets": "discs", "sizes": [[64, 64]], "batch_size": 3, "workers": 0},
            "augment": {"flip": 0.0, "colour": 0.0},
            "run": {"epochs": 2},
        }
    )
    data = TrainingData(plain)
    assert len(data) == 4
    seen = [sample.numpy().tobytes() for step in range(4) for sample in data[step].alpha]
    assert len(set(seen[:6])) == 6 and set(seen[:6]) == set(seen[6:]) and seen[:6] != seen[6:]


def test_sizes(tmp_path: Path) -> None:
    make_set(tmp_path)
    mixed = TrainingData(recipe(tmp_path, sizes=[[64, 64], [32, 32]], batch_size=2))
    assert {tuple(mixed[step].rgb.shape[:3]) for step in range(12)} == {(2, 64, 64), (8, 32, 32)}
    dynamic = TrainingData(recipe(tmp_path, dynamic=[32, 128]))
    shapes = {tuple(dynamic[step].rgb.shape[1:3]) for step in range(12)}
    assert len(shapes) > 4 and all(side % 32 == 0 and 32 <= side <= 128 for shape in shapes for side in shape)


def test_the_last_sizes_come_while_the_rate_falls(tmp_path: Path) -> None:
    make_set(tmp_path)
    sizes = {"sizes": [[32, 32]], "last_sizes": [[64, 64]], "batch_size": 8}
    held = parse_recipe(
        {
            "data": {"root": str(tmp_path), "sets": "discs", "workers": 0, **sizes},
            "optimiser": {"schedule": "hold", "fall": 0.3},
            "run": {"steps": 10},
        }
    )
    data = TrainingData(held)
    assert [tuple(data[step].rgb.shape[:2]) for step in range(10)] == [(8, 32)] * 7 + [(2, 64)] * 3
    always = TrainingData(replace(held, optimiser=OptimiserSection(schedule="cosine")))
    assert {always[step].rgb.shape[1] for step in range(10)} == {32}


def test_broken_pairs_are_named_and_replaced(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    (folder / "im" / "0.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "gt" / "1.png"), np.zeros((80, 60), np.uint8))
    (folder / "gt" / "2.png").unlink()
    data = TrainingData(recipe(tmp_path))
    assert [Path(file).name for file in data.skipped] == ["2.jpg"]
    found = [problem for step in range(6) for problem in data[step].skipped]
    assert any("0.jpg: is no picture" in problem for problem in found)
    assert any("1.png: is 60x80, its picture 80x60: another shape" in problem for problem in found)


def test_a_set_of_broken_pictures_ends_with_the_reason(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    for path in (folder / "im").iterdir():
        path.write_bytes(b"")
    with pytest.raises(PictureError, match="20 pictures one after the other"):
        TrainingData(recipe(tmp_path))[0]


def test_wrong_sets_are_told(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(PictureError, match="no such folder"):
        find_set(tmp_path, "nothing")
    (tmp_path / "bare" / "im").mkdir(parents=True)
    with pytest.raises(PictureError, match="has no folder of labels"):
        find_set(tmp_path, "bare")
    with pytest.raises(UsageError, match=r"data.shares: nothing for discs"):
        TrainingData(recipe(tmp_path, shares={"other": 1.0}))
    with pytest.raises(UsageError, match=r"data\.root and data\.sets"):
        TrainingData(Recipe())


def test_excluded_pictures_stay_out(tmp_path: Path) -> None:
    folder = make_set(tmp_path)
    (folder / "im" / "3.jpg").rename(folder / "im" / "my cat.jpg")
    (folder / "gt" / "3.png").rename(folder / "gt" / "my cat.png")
    (folder / "exclude.txt").write_text("0\nmy cat\n")
    assert [pair.picture.stem for pair in find_set(tmp_path, "discs").pairs] == ["1", "2", "4", "5"]
    (make_cutouts(tmp_path) / "exclude.txt").write_text("1\n")
    assert [pair.picture.stem for pair in find_set(tmp_path, "cutouts").pairs] == ["0", "2"]


def test_one_picture_a_process_is_too_few(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(UsageError, match="BatchNorm needs two"):
        TrainingData(recipe(tmp_path, batch_size=1))
    with pytest.raises(UsageError, match="is less than 6"):
        TrainingData(recipe(tmp_path, batch_size=4), processes=3)


def test_pictures_of_odd_shapes_do_no_harm(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1)
    for name, shape in (("wide", (1, 3000)), ("tall", (3000, 2)), ("dot", (1, 1))):
        cv2.imwrite(str(folder / "im" / f"{name}.jpg"), np.full((*shape, 3), 90, np.uint8))
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), np.full(shape, 255, np.uint8))
    (folder / "im" / "0.jpg").unlink()
    data = TrainingData(recipe(tmp_path))
    assert all(data[step].rgb.shape == (3, 64, 96, 3) for step in range(6))


def test_composites_without_cutouts_are_refused(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(UsageError, match="names nothing to paste"):
        TrainingData(recipe(tmp_path, composites=0.5))
    with pytest.raises(UsageError, match=r"data\.groups: other is not among"):
        TrainingData(recipe(tmp_path, composites=0.5, cutouts={"discs": 1.0}, groups=["other"]))
    with pytest.raises(PictureError, match="no such folder"):
        TrainingData(recipe(tmp_path, composites=0.5, cutouts={"discs": 1.0}, backgrounds=["nothing"]))


@pytest.mark.parametrize(("empty", "shown"), [(0.0, True), (1.0, False)])
def test_as_many_composites_are_empty_as_asked(tmp_path: Path, empty: float, shown: bool) -> None:
    make_set(tmp_path)
    options = {"composites": 1.0, "empty": empty, "cutouts": {"discs": 1.0}, "places": ["discs"]}
    batch = TrainingData(recipe(tmp_path, **options))[0]
    assert bool(batch.alpha.any()) == shown
    assert (batch.known == 255).all()


def test_stones_are_no_subjects_and_hide_what_lies_behind_them() -> None:
    hidden = 0
    for seed in range(20):
        plain, nothing = np.full((64, 96, 3), 128, np.uint8), np.zeros((64, 96), np.uint8)
        lay_stones(plain, nothing, np.random.default_rng(seed))
        rgb, alpha = np.full((64, 96, 3), 128, np.uint8), np.full((64, 96), 255, np.uint8)
        lay_stones(rgb, alpha, np.random.default_rng(seed))
        assert not nothing.any() and np.array_equal(rgb, plain)
        # What was not drawn over is as it was.
        assert (rgb[alpha == 255] == 128).all()
        hidden += bool((alpha < 128).any())
    assert hidden > 15


@pytest.mark.parametrize(("stones", "changes"), [(0.0, False), (1.0, True)])
def test_as_many_composites_have_stones_as_asked(tmp_path: Path, stones: float, changes: bool) -> None:
    make_set(tmp_path)
    options = {"composites": 1.0, "empty": 1.0, "cutouts": {"discs": 1.0}, "places": ["discs"]}
    without, found = (TrainingData(recipe(tmp_path, **options, **more))[0] for more in ({}, {"stones": stones}))
    assert bool((without.rgb != found.rgb).any()) == changes and not found.alpha.any()


def test_bodies_are_subjects_that_stand_out_from_their_field() -> None:
    shown = 0
    for seed in range(30):
        rgb, alpha = draw_bodies((96, 128), np.random.default_rng(seed))
        assert rgb.shape == (96, 128, 3) and alpha.shape == (96, 128) and rgb.dtype == alpha.dtype == np.uint8
        inside, outside = rgb[alpha == 255].mean(axis=-1), rgb[alpha == 0].mean(axis=-1)
        if len(inside):
            shown += 1
            assert abs(np.median(inside) - np.median(outside)) > 15, seed
    assert 20 < shown < 30


@pytest.mark.parametrize("bodies", [0.0, 1.0])
def test_as_many_composites_are_bodies_as_asked(tmp_path: Path, bodies: float) -> None:
    make_set(tmp_path)
    options = {"composites": 1.0, "empty": 1.0, "cutouts": {"discs": 1.0}, "places": ["discs"], "bodies": bodies}
    assert bool(TrainingData(recipe(tmp_path, **options))[0].alpha.any()) == bool(bodies)


def test_a_trimaps_middle_is_unknown(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1)
    (folder / "gt").rename(folder / "trimap")
    trimap = np.zeros((60, 80), np.uint8)
    trimap[10:50, 10:70], trimap[20:40, 20:60] = 128, 255
    cv2.imwrite(str(folder / "trimap" / "0.png"), trimap)
    sample = find_set(tmp_path, "discs").pairs[0].read()
    assert (sample.known == np.where(trimap == 128, 0, 255)).all()
    assert (sample.alpha == np.where(trimap == 255, 255, 0)).all()


def test_categories_come_from_dis5k_names(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=3)
    for i, name in enumerate(("1#Aircraft#1#Kite#1#x", "2#Insect#4#Ant#2#y", "2#Insect#4#Ant#2#z")):
        (folder / "im" / f"{i}.jpg").rename(folder / "im" / f"{name}.jpg")
        (folder / "gt" / f"{i}.png").rename(folder / "gt" / f"{name}.png")
    data = TrainingData(recipe(tmp_path))
    assert data.categories == ["Ant", "Kite"]
    assert set(data[0].classes.tolist()) <= {0, 1}


def test_masks_of_all_kinds(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (32, 1))
    cv2.imwrite(str(tmp_path / "grey.png"), ramp)
    cv2.imwrite(str(tmp_path / "deep.png"), ramp.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "colour.png"), np.dstack([ramp] * 3))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([np.full((32, 64, 3), 9, np.uint8), ramp]))
    for name in ("grey", "deep", "colour", "alpha"):
        assert (read_matte(tmp_path / f"{name}.png") == ramp).all(), name
    bits = (ramp > 99).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "bits.png"), bits)
    assert (read_matte(tmp_path / "bits.png", is_truth=True) == bits * 255).all()
    assert (read_matte(tmp_path / "bits.png") == bits).all()
    (tmp_path / "labels.png").write_bytes(PALETTE)
    assert read_matte(tmp_path / "labels.png").tolist() == [[0, 255], [255, 0]]
    with pytest.raises(PictureError, match=r"none\.png"):
        read_rgb(tmp_path / "none.png")


#: A palette PNG of 2x2 pixels: black, dark red, dark green, black, as DAVIS stores object labels.
PALETTE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000020000000208030000004568fd1600000009504c5445000000800000008000"
    "a65065530000000e49444154789c6360606460620000000e0004c6887cf80000000049454e44ae426082"
)


def test_a_motion_blurred_subject_keeps_its_amount() -> None:
    matte = np.zeros((60, 60), np.uint8)
    matte[20:40, 20:40] = 255
    picture = np.full((60, 60, 3), 90, np.uint8)
    colour, smeared = blur_along_motion(picture, matte, np.random.default_rng(1))
    assert smeared.astype(float).sum() == pytest.approx(matte.astype(float).sum(), rel=0.02)
    assert np.abs(colour[smeared > 20].astype(int) - 90).max() <= 2


def test_a_turned_picture_knows_what_came_from_outside() -> None:
    sample = Sample(*(np.full(shape, 255, np.uint8) for shape in ((64, 64, 3), (64, 64), (64, 64))))
    turned = fit(sample, (64, 64), AugmentSection(rotate=1.0, rotate_degrees=45.0, crop=0.0), np.random.default_rng(0))
    assert turned.known[0, 0] == 0 and turned.known[32, 32] == 255


def test_a_pair_has_a_category_only_if_its_name_says_so() -> None:
    assert Pair(Path("cat.png"), None).category is None
    assert Pair(Path("3#Insect#4#Spider#12#a.png"), None).category == "Spider"
