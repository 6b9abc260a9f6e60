"""The chosen subject, followed through clips in which others come in its way."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from attrs import evolve
from guided import SeesFigures, box_around, clip_of, follow, follow_each
from guided_clips import RATE, Clip, drawn_figures, drawn_scene, make_clip, not_blue, scenarios

from birefnet_video.backends.base import Pending
from birefnet_video.options.prompts import Point, Prompt

#: Mean IoU that the chosen subject reaches, and of the last frames; and the share of the matte that is others'.
EXPECTED = {
    "crossing": (0.9, 0.95, 0.02), "behind": (0.85, 0.95, 0.02), "late": (0.97, 0.97, 0.01),
    "leaves and comes back": (0.95, 0.95, 0.01), "twins": (0.93, 0.95, 0.02), "fast": (0.9, 0.95, 0.02),
    "growing": (0.9, 0.95, 0.01), "hand-held": (0.97, 0.97, 0.01), "held object": (0.95, 0.95, 0.01),
    "mirror": (0.97, 0.97, 0.01), "overlap": (0.9, 0.9, 0.03), "crowd": (0.9, 0.85, 0.04),
}  # fmt: skip


def on_subject(clip: Clip, index: int = 0, name: str | None = None) -> Point:
    """A point in the middle of a figure."""
    rows, columns = np.nonzero(clip.mattes[name or clip.scenario.subject][index] > 0.9)
    middle = np.argmin(np.hypot(rows - np.median(rows), columns - np.median(columns)))
    time = Fraction(index, RATE) if index else None
    return Point(at=(int(columns[middle]), int(rows[middle])), time=time)


def scores(clip: Clip, mattes: np.ndarray) -> np.ndarray:
    """IoU of each frame with what the network alone sees of the subject; not a number where that is little."""
    seen = np.stack([not_blue(frame) for frame in clip.frames])
    truth, found = (seen > 0.5) & (clip.subject >= clip.others) & (clip.subject > 0), mattes > 0.5
    iou = (truth & found).sum((1, 2)) / np.maximum((truth | found).sum((1, 2)), 1)
    return np.where(clip.subject.sum((1, 2)) < 150, np.nan, iou)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_subject_is_kept(name: str) -> None:
    clip = clip_of(name)
    # Where figures touch from the beginning, a point alone does not say which of them is meant.
    first: Prompt = box_around(clip) if name in ("overlap", "crowd") else on_subject(clip)
    mattes, _, _ = follow(clip, [first])
    iou = scores(clip, mattes)
    mean, end, leak = EXPECTED[name]
    assert np.nanmean(iou) > mean
    assert np.nanmean(iou[-8:]) > end
    assert float((mattes * (clip.others > 0.5)).sum() / mattes.sum()) < leak


@pytest.mark.parametrize("name", ["crossing", "behind", "overlap"])
def test_the_subject_is_kept_while_limbs_swing(name: str) -> None:
    """What was seen of a figure before it met others does not fit any more, pixel by pixel."""
    scenario = next(each for each in scenarios() if each.name == name)
    clip = make_clip(scenario, drawn_figures(), [drawn_scene(0)], swing=0.05)
    mattes, _, _ = follow(clip, [box_around(clip)])
    assert np.nanmean(scores(clip, mattes)) > 0.85
    assert float((np.maximum(mattes - clip.subject, 0) * (clip.others > 0.5)).sum() / mattes.sum()) < 0.02


@pytest.mark.parametrize(("name", "iou", "leak"), [("crowd", 0.92, 0.008), ("fast", 0.92, 0.005)])
@pytest.mark.parametrize("first", [0, 2])
def test_others_are_not_taken_for_the_subject_whoever_it_is(name: str, first: int, iou: float, leak: float) -> None:
    """Who comes out from behind it has never been seen, and who runs turns round faster than its speed is smoothed."""
    scenario = next(each for each in scenarios() if each.name == name)
    figures = drawn_figures()
    clip = make_clip(scenario, figures[first:] + figures[:first], [drawn_scene(shot) for shot in range(3)])
    mattes, _, _ = follow(clip, [box_around(clip)])
    assert np.nanmean(scores(clip, mattes)) > iou
    assert float((np.maximum(mattes - clip.subject, 0) * (clip.others > 0.5)).sum() / mattes.sum()) < leak


def test_all_scenarios_are_tried() -> None:
    assert {scenario.name for scenario in scenarios()} == set(EXPECTED)


def test_a_point_on_nothing_is_told_and_nobody_is_kept() -> None:
    clip = clip_of("late")
    mattes, fates, _ = follow(clip, [Point(at=("90%", "5%"))])
    assert [(fate.finding, fate.why) for fate in fates] == [("lost", "nothing is seen at point=90%,5%")]
    assert not mattes.any()


@pytest.mark.parametrize(("what", "least", "most"), [("point", 0.4, 0.6), ("box", 0, 0.1), ("point and not", 0, 0.3)])
def test_one_point_on_two_who_touch_is_told(what: str, least: float, most: float) -> None:
    whole, touching = clip_of("crossing"), slice(31, 33)
    mattes = {name: matte[touching] for name, matte in whole.mattes.items()}
    clip = Clip(whole.scenario, whole.frames[touching], mattes)
    beside = Point(at=on_subject(clip, name="other").at, excluded=True)
    prompts: dict[str, list[Prompt]] = {
        "point": [on_subject(clip)], "box": [box_around(clip)], "point and not": [on_subject(clip), beside],
    }  # fmt: skip
    found, fates, _ = follow(clip, prompts[what])
    assert [fate.finding for fate in fates] == (["unsure"] if what == "point" else [])
    assert all("give a box, or say with --not" in fate.why for fate in fates)
    # Share of others: half of it is theirs if a point alone was given, and two points say less than a box.
    leak = float((found * (clip.others > 0.5)).sum() / found.sum())
    assert least <= leak <= most


@pytest.mark.parametrize("name", ["mirror", "crossing", "behind", "held object", "growing"])
def test_a_prompt_about_a_later_frame_is_carried_back(name: str) -> None:
    clip = clip_of(name)
    mattes, _, _ = follow(clip, [on_subject(clip, len(clip.frames) - 5)])
    assert np.nanmean(scores(clip, mattes)) > 0.85
    assert np.nanmean(scores(clip, mattes)[:8]) > 0.9


def test_a_correction_acts_both_ways_and_the_nearer_one_counts() -> None:
    clip = clip_of("mirror")
    wrong = Point(at=on_subject(clip, name="other").at)
    mattes, _, _ = follow(clip, [wrong, on_subject(clip, 40)])
    iou = scores(clip, mattes)
    assert iou[:18].max() < 0.05 and iou[23:].min() > 0.9


def test_nothing_is_carried_back_beyond_an_earlier_prompt() -> None:
    clip = clip_of("mirror")
    right, other = on_subject(clip), Point(at=on_subject(clip, name="other").at, time=1)
    mattes, _, _ = follow(clip, [right, on_subject(clip, 20), other])
    iou = scores(clip, mattes)
    assert iou[:20].min() > 0.9 and iou[26:].max() < 0.05


def test_several_subjects_are_kept_together() -> None:
    clip = clip_of("mirror")
    other = Point(at=on_subject(clip, name="other").at, subject="other")
    mattes, _, _ = follow(clip, [on_subject(clip), other])
    assert np.abs(mattes - clip.everybody).mean() < 0.01


def test_each_of_several_is_looked_at_closer_in_one_pass() -> None:
    whole = clip_of("growing")
    clip = replace(whole, frames=whole.frames[:20], mattes={name: each[:20] for name, each in whole.mattes.items()})
    other = Point(at=on_subject(clip, name="other").at, subject="other")
    (subject, others, everybody), fates, network = follow_each(
        clip, [on_subject(clip), other], batch_size=2, lanes=("subject", "other", None)
    )
    assert (
        np.abs(subject - clip.mattes["subject"]).mean() < 0.01 and np.abs(others - clip.mattes["other"]).mean() < 0.01
    )
    assert np.abs(everybody - clip.everybody).mean() < 0.01 and not fates
    alone, _, _ = follow(clip, [on_subject(clip), evolve(other, excluded=True)], batch_size=2)
    assert np.nanmean(scores(clip, subject)) > np.nanmean(scores(clip, alone)) - 0.01
    # Two looks at each frame but the first, which is looked at a few times.
    assert 2 * 19 < network.asked <= 2 * 20 + 4


def test_each_of_several_is_carried_back_from_its_own_prompt() -> None:
    whole = clip_of("mirror")
    clip = replace(whole, frames=whole.frames[:20], mattes={name: each[:20] for name, each in whole.mattes.items()})
    other = evolve(on_subject(clip, 15, "other"), subject="other")
    (subject, others), _, _ = follow_each(clip, [on_subject(clip), other], lanes=("subject", "other"))
    assert (
        np.abs(subject - clip.mattes["subject"]).mean() < 0.01 and np.abs(others - clip.mattes["other"]).mean() < 0.01
    )


def test_batches_give_the_same_mattes() -> None:
    clip = clip_of("growing")
    one, _, _ = follow(clip, [on_subject(clip)])
    four, _, _ = follow(clip, [on_subject(clip)], batch_size=4)
    assert np.nanmean(scores(clip, four)) > np.nanmean(scores(clip, one)) - 0.01


def test_leaving_and_coming_back_is_told_once() -> None:
    _, fates, _ = follow(clip_of("leaves and comes back"), [on_subject(clip_of("leaves and comes back"))])
    assert [fate.finding for fate in fates] == ["left", "found"]


def test_the_network_looks_closer_at_a_small_subject() -> None:
    clip = clip_of("growing")
    network = SeesFigures()
    seen: list[float] = []
    usual = network.begin

    def begin(rgb: np.ndarray) -> Pending:
        seen.append(float(not_blue(rgb).mean()))
        return usual(rgb)

    network.begin = begin  # type: ignore[method-assign]
    follow(clip, [on_subject(clip)], network=network)
    # It fills more of what the network sees than of the picture.
    assert np.mean(seen[5:40]) > 3 * clip.subject[5:40].mean()


def test_what_a_correction_mends_is_not_told_again() -> None:
    clip = clip_of("leaves and comes back")
    begin = on_subject(clip)
    _, before, _ = follow(clip, [begin])
    assert [fate.finding for fate in before] == ["left", "found"]
    index = next(index for index in range(55, len(clip.frames)) if clip.subject[index].any())
    _, after, _ = follow(clip, [begin, on_subject(clip, index + 5)])
    assert [fate.finding for fate in after] in (["left"], ["left", "found"])
    mattes, mended, _ = follow(clip, [Point(at=("50%", "5%")), on_subject(clip, 20)])
    assert "not seen any more" not in [fate.why for fate in mended]
    assert np.nanmean(scores(clip, mattes)[12:30]) > 0.9
