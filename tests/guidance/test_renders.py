"""A chosen subject in whole renders: files, exit codes, JSON, looks and pictures."""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from guided import SeesFigures, clip_of, write_beginning
from guided_clips import HEIGHT, WIDTH
from specs import asked

from birefnet_video.backends.base import MattingBackend
from birefnet_video.colour.convert import plane_array
from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.events import JobStarted, JobState, SubjectNoted
from birefnet_video.execute import watch_job
from birefnet_video.jobs import Job
from birefnet_video.many.planning import plan_all
from birefnet_video.many.request import ManyRequest
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.tracker import Pointed, Tracked
from birefnet_video.options.keywords import RenderOptions
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.prompts import MaskPicture, Point
from birefnet_video.options.request import RenderRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.pipeline.look import Looking
from birefnet_video.pipeline.plan import Plan

FRAMES = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of a clip of two that stand apart, lossless."""
    return write_beginning("mirror", tmp_path_factory.mktemp("guided") / "in.mkv", FRAMES)


def stub(*_: object) -> MattingBackend:
    return SeesFigures()


def job(source: Path, mask: Path, **options: object) -> Job:
    return Job(RenderOptions(mask=mask, **options).job(source), open_backend=stub)  # type: ignore[arg-type]


def mattes(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="gray") for frame in file.decode(video=0)]) / np.float32(255)


def times(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]  # type: ignore[operator]


def test_a_render_keeps_the_subject_and_its_times(source: Path, tmp_path: Path) -> None:
    made = job(source, tmp_path / "m.mkv", subject="point=30%,58%", smooth="normal")
    made.start()
    report = made.result()
    clip, found = clip_of("mirror"), mattes(tmp_path / "m.mkv")
    assert report.frames == FRAMES and report.subjects == ()
    assert np.abs(found - clip.subject[:FRAMES]).mean() < 0.01
    assert (found * (clip.others[:FRAMES] > 0.5)).sum() < 0.01 * found.sum()


@pytest.mark.parametrize(("options", "expected"), [({"subject": "point=30%,58%"}, True), ({}, False)])
def test_a_network_that_is_waited_for_gets_all_of_the_machine(
    source: Path, tmp_path: Path, options: dict[str, str], expected: bool
) -> None:
    opened: list[BackendSpec] = []

    def load(spec: BackendSpec, *_: object) -> MattingBackend:
        opened.append(spec)
        return SeesFigures()

    made = Job(RenderOptions(mask=tmp_path / "m.mkv", **options).job(source), open_backend=load)  # type: ignore[arg-type]
    made.start()
    assert made.result().frames == FRAMES
    assert [spec.one_at_a_time for spec in opened] == [expected]


def test_a_mask_says_it_as_well(source: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "first.png"), (clip_of("mirror").mattes["other"][0] * 255).astype(np.uint8))
    made = job(source, tmp_path / "m.mkv", subject=[MaskPicture(path=tmp_path / "first.png")], smooth="off")
    made.start()
    made.result()
    found = mattes(tmp_path / "m.mkv")
    assert np.abs(found - clip_of("mirror").mattes["other"][:FRAMES]).mean() < 0.01


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 5)])
def test_losing_is_told_and_strict_makes_it_an_exit_code(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], strict: bool, code: int
) -> None:
    made = job(source, tmp_path / "m.mkv", subject="anna:0.4:point=50%,2%", strict_subject=strict)
    assert watch_job(made, RunSpec(json_lines=True)) == code
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    (noted,) = [line for line in lines if line["event"] == "subject"]
    assert (noted["subject"], noted["finding"], noted["frame"], noted["time"]) == ("anna", "lost", 10, 0.4)
    assert lines[-1]["exit_code"] == code and len(lines[-1]["subjects"]) == 1
    assert (tmp_path / "m.mkv").is_file()


def test_it_is_said_in_words_where_to_correct(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watch_job(job(source, tmp_path / "m.mkv", subject="1:point=50%,2%"), RunSpec(progress="plain"))
    said = capfd.readouterr().err
    assert "subject: 1.00 s: subject: lost: nothing is seen at 1:point=50%,2%" in said
    assert "subject: look at 1.00 s: --subject 1.00:point=x,y corrects from there on" in said


def test_times_are_the_inputs(source: Path, tmp_path: Path) -> None:
    made = job(source, tmp_path / "m.mkv", subject="0.8:point=50%,2%", start="0.4")
    events: list[object] = []
    made.subscribe(events.append)
    made.start()
    made.result()
    (noted,) = [event for event in events if isinstance(event, SubjectNoted)]
    assert (noted.frame.index, noted.time_s) == (10, pytest.approx(0.8))


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("point=480,10", "lies outside of the picture, which is 480x270"),
        ("point=-1,10", "lies outside"),
        ("box=500,0,10,10", "lies outside"),
        ("9:point=1,1", "is rendered from 0.00 s on to 1.60 s"),
        ("mask=none.png", "there is no such mask"),
    ],
)
def test_prompts_are_checked_before_anything_is_opened(
    source: Path, tmp_path: Path, subject: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Plan.of(RenderOptions(mask=tmp_path / "m.mkv", subject=subject).job(source))
    assert not [*tmp_path.iterdir()]


def test_a_plan_survives_json_with_its_prompts(source: Path, tmp_path: Path) -> None:
    spec = RenderOptions(mask=tmp_path / "m.mkv", subject="point=30%,50%", exclude="point=80%,50%").job(source)
    plan = Plan.of(spec)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert [prompt.excluded for prompt in plan.guidance.said] == [False, True]


def test_a_look_shows_what_the_render_makes(source: Path, tmp_path: Path) -> None:
    spec = RenderOptions(mask=tmp_path / "m.mkv", subject="point=30%,58%").job(source)
    looking = Looking(spec, lambda message: None)
    seen = [*looking.frames([Fraction(1), Fraction(0)], stub)]
    made = job(source, tmp_path / "m.mkv", subject="point=30%,58%")
    made.start()
    made.result()
    found = mattes(tmp_path / "m.mkv")
    assert [float(each.time_s) for each in seen] == [0.0, 1.0]
    for each, index in zip(seen, (0, 25), strict=True):
        assert np.abs(each.alpha - found[index]).max() < 3 / 255


def test_detail_looks_at_the_whole_picture(source: Path, tmp_path: Path) -> None:
    made = Job(
        RenderOptions(mask=tmp_path / "m.mkv", subject=Point(at=("30%", "58%")), detail="full").job(source),
        open_backend=lambda *_: SeesFigures((HEIGHT, WIDTH)),
    )
    made.start()
    made.result()
    found = mattes(tmp_path / "m.mkv")
    assert np.abs(found - clip_of("mirror").subject[:FRAMES]).mean() < 0.01


def test_every_subject_has_a_file_of_its_own_from_one_pass(source: Path, tmp_path: Path) -> None:
    said = ["--subject", "anna:point=30%,58%", "--subject", "bob:point=82%,58%", "--not", "point=50%,2%"]
    name = str(tmp_path / "in_{subject}.mkv")
    request = asked(str(source), "--mask", name, *said, "--smooth", "normal", "--verify", "full")
    assert isinstance(request, RenderRequest)
    assert [output.path.name for output in request.spec.outputs] == ["in_anna.mkv", "in_bob.mkv"]
    assert name in request.arguments and asked(*request.arguments) == request
    network = SeesFigures(batch_size=2)
    made = Job(request.spec, open_backend=lambda *_: network)
    made.start()
    assert made.result().frames == FRAMES
    clip = clip_of("mirror")
    for output, name in zip(request.spec.outputs, ("subject", "other"), strict=True):
        found = mattes(output.path)
        assert np.abs(found - clip.mattes[name][:FRAMES]).mean() < 0.01
        assert times(output.path) == times(source)
    # Both are so large that the network looks at all of the picture, once for both.
    assert network.asked == FRAMES


def test_one_of_several_is_lost_by_name_and_the_others_are_kept(source: Path, tmp_path: Path) -> None:
    subject = "anna:point=30%,58%; bob:point=50%,2%"
    made = job(source, tmp_path / "{subject}.mkv", subject=subject, strict_subject=True, end=0.4, smooth="off")
    assert watch_job(made, RunSpec(quiet=True)) == 5
    assert made.report is not None and [noted.subject for noted in made.report.subjects] == ["bob"]
    frames = len(mattes(tmp_path / "anna.mkv"))
    assert np.abs(mattes(tmp_path / "anna.mkv") - clip_of("mirror").subject[:frames]).mean() < 0.01
    assert not mattes(tmp_path / "bob.mkv").any()


def test_everybody_and_each_come_from_one_pass(source: Path, tmp_path: Path) -> None:
    options = RenderOptions(
        alpha=tmp_path / "all.mkv", mask=tmp_path / "{subject}.mkv", subject="a:point=30%,58%; b:point=82%,58%", end=0.4
    )
    made = Job(options.job(source), open_backend=stub)
    made.start()
    frames = made.result().frames
    with av.open(str(tmp_path / "all.mkv")) as file:
        everybody = [plane_array(frame, 3) / np.float32(255) for frame in file.decode(video=0)]
    each = mattes(tmp_path / "a.mkv") + mattes(tmp_path / "b.mkv")
    assert frames == len(each) and np.abs(np.stack(everybody) - each).mean() < 0.005


def test_files_of_subjects_need_subjects(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --subject"):
        asked(str(source), "--mask", str(tmp_path / "{subject}.mkv"))


def test_each_of_many_inputs_has_a_file_for_each_subject(source: Path, tmp_path: Path) -> None:
    said = ["--subject", "anna:point=30%,58%", "--subject", "bob:point=82%,58%"]
    request = asked(str(source), "--mask", str(tmp_path / "{stem}_{subject}.mkv"), *said)
    assert isinstance(request, ManyRequest)
    (planned,) = plan_all(request).requests
    assert [(output.path.name, output.whose) for output in planned.spec.outputs] == [
        ("in_anna.mkv", ("anna",)),
        ("in_bob.mkv", ("bob",)),
    ]


def test_a_render_with_a_later_prompt_writes_every_frame_once(source: Path, tmp_path: Path) -> None:
    made = job(source, tmp_path / "m.mkv", subject="1:point=33%,58%", smooth="normal", start="0.2")
    made.start()
    report = made.result()
    clip, found = clip_of("mirror"), mattes(tmp_path / "m.mkv")
    assert report.frames == len(found) == FRAMES - 5
    assert np.abs(found - clip.subject[5:FRAMES]).mean() < 0.01


def test_a_look_at_what_comes_before_a_prompt(source: Path, tmp_path: Path) -> None:
    spec = RenderOptions(mask=tmp_path / "m.mkv", subject="1:point=33%,58%").job(source)
    (seen,) = Looking(spec, lambda message: None).frames([Fraction(1, 5)], stub)
    assert np.abs(seen.alpha - clip_of("mirror").subject[5]).mean() < 0.01


def test_cancelling_during_the_first_look_ends_at_once(source: Path, tmp_path: Path) -> None:
    made = job(source, tmp_path / "m.mkv", subject="1.5:point=33%,58%")
    made.subscribe(lambda event: made.cancel(keep=False) if isinstance(event, JobStarted) else None)
    made.start()
    assert made.wait() is JobState.CANCELLED
    assert not [*tmp_path.iterdir()]


def test_a_tracker_that_is_not_there_is_said_before_anything_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.backends.edgetam.find_spec", lambda name: None)
    network = SeesFigures()
    options = RenderOptions(mask=tmp_path / "m.mkv", subject="point=30%,58%", tracker="edgetam")
    made = Job(options.job(source), open_backend=lambda *_: network)
    made.start()
    with pytest.raises(BackendUnavailable, match="--tracker edgetam: its package is not installed"):
        made.result()
    assert network.is_closed and not [*tmp_path.iterdir()]


def test_a_tracker_says_whose_a_matte_is(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, str]] = []

    class SeesTheOther:
        """Wherever it is pointed at."""

        def begin(self, rgb: np.ndarray, subjects: dict[str, Pointed]) -> dict[str, Tracked]:
            return {name: self._seen() for name in subjects}

        def follow(self, rgb: np.ndarray) -> dict[str, Tracked]:
            return {"subject": self._seen()}

        def _seen(self) -> Tracked:
            return Tracked(resized(clip_of("mirror").mattes["other"][0], (135, 240)), 1.0)

    def open_tracker(name: str, device: str, grid: tuple[int, int]) -> SeesTheOther:
        opened.append((name, device))
        assert grid == (135, 240)
        return SeesTheOther()

    monkeypatch.setattr("birefnet_video.pipeline.guiding.open_tracker", open_tracker)
    made = job(source, tmp_path / "m.mkv", subject="point=30%,58%", tracker="edgetam", smooth="off", end=0.2)
    made.start()
    made.result()
    found = mattes(tmp_path / "m.mkv")
    assert opened == [("edgetam", "cpu")]
    assert np.abs(found - clip_of("mirror").mattes["other"][: len(found)]).mean() < 0.01


def test_a_tracker_needs_somebody_to_follow() -> None:
    with pytest.raises(UsageError, match="--tracker: needs --subject"):
        RenderOptions(tracker="edgetam")
