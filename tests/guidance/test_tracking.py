"""A tracker beside the mattes: what it is told, what it overrules, and where its masks let alpha count."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from guided import clip_of, follow_each
from guided_clips import HEIGHT, RATE, WIDTH, Clip

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.shot import begin
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.matting.guidance.tracker import Pointed, Tracked, overruled, share_of
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.prompts import Box, Largest, Point, Prompt

GRID = MotionEstimator(WIDTH, HEIGHT).grid


class Knows:
    """Sees what is true of a clip, as coarsely as trackers do."""

    def __init__(self, clip: Clip, names: Mapping[str, str]) -> None:
        self._clip, self._names = clip, names
        self._small = np.stack([resized(frame, (27, 48)) for frame in clip.frames]).astype(np.int16)
        self.told: list[tuple[int, Mapping[str, Pointed]]] = []
        self._followed: tuple[str, ...] = ()

    def begin(self, rgb: np.ndarray, subjects: Mapping[str, Pointed]) -> Mapping[str, Tracked]:
        self.told.append((self._index(rgb), subjects))
        self._followed = tuple(subjects)
        return self.follow(rgb)

    def follow(self, rgb: np.ndarray) -> Mapping[str, Tracked]:
        index = self._index(rgb)
        coarse = {
            name: resized(resized(self._clip.mattes[self._names[name]][index], (34, 60)), GRID)
            for name in self._followed
        }
        return {name: Tracked(mask, float(mask.max())) for name, mask in coarse.items()}

    def _index(self, rgb: np.ndarray) -> int:
        return int(np.abs(self._small - resized(rgb, (27, 48))).mean((1, 2, 3)).argmin())


def part_of(name: str, frames: slice) -> Clip:
    whole = clip_of(name)
    return replace(whole, frames=whole.frames[frames], mattes={key: each[frames] for key, each in whole.mattes.items()})


def others(found: np.ndarray, clip: Clip, name: str = "subject") -> float:
    rest = np.max([each for key, each in clip.mattes.items() if key != name], axis=0)
    return float((found * (rest > 0.5)).sum() / max(float(found.sum()), 1.0))


def point_on(clip: Clip, name: str, index: int = 0) -> Point:
    rows, columns = np.nonzero(clip.mattes[name][index] > 0.9)
    middle = int(np.argmin(np.hypot(rows - np.median(rows), columns - np.median(columns))))
    return Point(at=(int(columns[middle]), int(rows[middle])), time=Fraction(index, RATE) if index else None)


def test_one_point_on_two_who_overlap_is_enough() -> None:
    clip = part_of("overlap", slice(20))
    (alone,), _, _ = follow_each(clip, [point_on(clip, "subject")])
    (found,), _, _ = follow_each(clip, [point_on(clip, "subject")], tracker=Knows(clip, {"subject": "subject"}))
    assert others(alone, clip) > 0.2 and others(found, clip) < 0.03
    assert np.abs(found - clip.subject).mean() < 0.01


def test_a_subject_that_was_taken_for_another_is_corrected() -> None:
    clip = part_of("mirror", slice(8))
    # The tracker sees another one than the point.
    tracker = Knows(clip, {"subject": "other"})
    (found,), _, _ = follow_each(clip, [point_on(clip, "subject")], tracker=tracker)
    assert np.abs(found[1:] - clip.mattes["other"][1:]).mean() < 0.01


def test_who_is_not_there_is_lost_and_found() -> None:
    clip = part_of("mirror", slice(24))

    class Blinks(Knows):
        def follow(self, rgb: np.ndarray) -> Mapping[str, Tracked]:
            is_away = 5 <= self._index(rgb) < 15
            return {key: replace(each, score=0.1 if is_away else 1.0) for key, each in super().follow(rgb).items()}

    (found,), fates, _ = follow_each(clip, [point_on(clip, "subject")], tracker=Blinks(clip, {"subject": "subject"}))
    assert [fate.finding for fate in fates] == ["lost", "found"]
    assert not found[5:15].any() and np.abs(found[16:] - clip.subject[16:]).mean() < 0.01


def test_it_is_told_points_boxes_and_who_was_picked() -> None:
    clip = part_of("mirror", slice(4))
    names = {"anna": "subject", "ben": "other", "subject": "subject"}
    told = Knows(clip, names)
    beside = replace_excluded(point_on(clip, "other"))
    follow_each(clip, [Box(box=("5%", "10%", "45%", "85%"), subject="anna"), beside], tracker=told)
    ((index, subjects),) = told.told
    assert index == 0 and subjects["anna"].box == pytest.approx((0.05, 0.1, 0.5, 0.95))
    assert [is_on for *_, is_on in subjects["anna"].points] == [False]
    picked = Knows(clip, names)
    follow_each(clip, [Largest()], tracker=picked)
    mask = picked.told[0][1]["subject"].mask
    assert mask is not None and mask.shape == GRID and mask.max() > 0.9


def test_whoever_is_followed_goes_on_when_another_is_named() -> None:
    clip = part_of("mirror", slice(10))
    tracker = Knows(clip, {"subject": "subject", "ben": "other"})
    later: list[Prompt] = [point_on(clip, "subject"), evolved(point_on(clip, "other", 5), "ben")]
    found, _, _ = follow_each(clip, later, lanes=("subject", "ben"), tracker=tracker)
    assert [(index, sorted(subjects)) for index, subjects in tracker.told] == [
        (0, ["subject"]),
        (5, ["ben", "subject"]),
    ]
    assert tracker.told[1][1]["subject"].mask is not None and tracker.told[1][1]["ben"].points[0][2]
    for name, each in zip(("subject", "other"), found, strict=True):
        assert np.abs(each[6:] - clip.mattes[name][6:]).mean() < 0.01


def replace_excluded(point: Point) -> Point:
    return Point(at=point.at, excluded=True)


def evolved(point: Point, name: str) -> Point:
    return Point(at=point.at, time=point.time, subject=name)


def sight_of(alpha: np.ndarray) -> Sight:
    return Sight.of(alpha, np.full((*alpha.shape, 3), 90, np.uint8))


def block(rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    plane = np.zeros((60, 100), np.float32)
    plane[slice(*rows), slice(*columns)] = 1
    return plane


def test_a_part_of_its_own_is_not_cut_where_the_mask_ends() -> None:
    matte, mask = block((10, 50), (20, 40)), block((13, 47), (22, 38))
    share = share_of("a", {"a": Tracked(mask, 1)}, np.ones_like(mask), sight_of(matte), 0.03)
    assert (share * matte == matte).all()


def test_of_a_part_of_two_it_is_the_mask_and_around_it_what_was_carried() -> None:
    matte, mask, carried = block((10, 50), (20, 80)), block((10, 50), (20, 50)), block((0, 60), (0, 52))
    share = share_of("a", {"a": Tracked(mask, 1)}, carried, sight_of(matte), 0.05)
    assert share[30, 20:52].all() and not share[30, 52:].any()
    other = Tracked(block((10, 50), (50, 80)), 1)
    assert not share_of("a", {"a": Tracked(mask, 1), "b": other}, carried, sight_of(matte), 0.05)[30, 50:].any()


def test_what_is_not_there_has_nothing() -> None:
    matte = block((10, 50), (20, 80))
    for tracked in (Tracked(matte, 0.2), Tracked(np.zeros_like(matte), 0.9)):
        assert not share_of("a", {"a": tracked}, matte, sight_of(matte), 0.02).any()


def test_figures_that_agree_are_left_as_they_are() -> None:
    matte = block((10, 50), (20, 40))
    sight = sight_of(matte)
    shot = begin({"a": [matte]}, sight)
    tracked = {"a": Tracked(matte, 1.0)}
    assert overruled(shot, tracked, {"a": 0}, sight).figures[0] is shot.figures[0]
