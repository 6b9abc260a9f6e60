"""A live session that keeps to a subject: whoever else comes, whatever the network, the camera and the mirror do."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from cameras import camera_info
from guided import SeesFigures, clip_of
from guided_clips import HEIGHT, WIDTH
from live_clips import Actions, Session, iou, on, pictures_of, saying
from specs import live_spec
from wait import PATIENCE_S, until

from birefnet_video.backends.base import MattingBackend
from birefnet_video.errors import UsageError
from birefnet_video.events import LiveState
from birefnet_video.live.live_matting import seen_closer
from birefnet_video.live.session import LiveSession
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.prompts import Box, Point


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    # However long a busy machine takes from one picture to the next: that is no gap.
    monkeypatch.setattr("birefnet_video.live.subjects._GAP_S", math.inf)
    made = Session(tmp_path)
    yield made
    made.live.stop()
    made.live.wait(PATIENCE_S)


@pytest.mark.parametrize("steady", ["off", "live"])
def test_who_is_named_is_kept_and_others_are_not(session: Session, steady: str) -> None:
    clip, part = clip_of("mirror"), slice(0, 25)
    spec = saying(session, subject=on(clip), smooth=steady)
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=spec)
    assert iou(mattes, clip.subject[part]).min() > 0.9
    assert float((mattes * (clip.others[part] > 0.5)).sum() / mattes.sum()) < 0.01
    assert session.noted == [] and session.live.snapshot().subjects == {"subject": "kept"}
    # A look a picture, and those that choose in the first one; one look tells how long the network takes.
    assert session.live.snapshot().looks == session.network.asked - 1 <= 25 + 4


def test_one_who_crosses_another_is_kept(session: Session) -> None:
    clip, part = clip_of("crossing"), slice(0, 75, 2)
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=saying(session, subject=on(clip)))
    # Their feet and hands touch for some pictures.
    assert iou(mattes, clip.subject[part]).mean() > 0.9 and iou(mattes, clip.subject[part])[-6:].min() > 0.9


def test_several_are_one_matte(session: Session) -> None:
    clip, part = clip_of("mirror"), slice(0, 10)
    spec = saying(session, subject=f"anna:{on(clip)}; ben:{on(clip, 0, 'other')}")
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=spec)
    assert iou(mattes, clip.everybody[part]).min() > 0.9
    assert session.live.snapshot().subjects == {"anna": "kept", "ben": "kept"}


def test_a_smaller_network_goes_on_with_who_is_known(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.live.numbers._JUDGED_AFTER", 10)
    sizes: list[tuple[int, int]] = []
    load = session.load

    def noted(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        sizes.append(spec.size)
        return load(spec, width, height)

    monkeypatch.setattr(session, "load", noted)
    # Each is quick enough alone, and none keeps that latency.
    monkeypatch.setattr("birefnet_video.live.quality_ladder._least_time", lambda backend, runs: 0.0)
    clip, part = clip_of("mirror"), slice(0, 30)
    spec = evolve(saying(session, subject=on(clip)), pace=evolve(session.spec.pace, latency=1e-3))
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=spec)
    assert len(sizes) >= 3 and sizes[0] > sizes[1] > sizes[2]
    assert iou(mattes, clip.subject[part]).min() > 0.85 and session.noted == []


def test_a_mirror_turns_who_is_followed_too(session: Session) -> None:
    clip, part = clip_of("mirror"), slice(0, 30)
    actions: Actions = {10: lambda live: live.set_mirror(True), 20: lambda live: live.set_mirror(False)}
    mattes = session.run(session.camera(pictures_of(clip, part), actions), spec=saying(session, subject=on(clip)))
    truth = clip.subject[part].copy()
    truth[10:20] = truth[10:20, :, ::-1]
    # The other one is a twin: by looks alone they could not be told apart.
    assert iou(mattes, truth).min() > 0.9 and session.noted == []


def test_places_are_those_of_the_picture_that_is_sent(session: Session) -> None:
    clip, part = clip_of("mirror"), slice(0, 5)
    spec = saying(session, subject=on(clip, mirrored=True))
    spec = evolve(spec, camera=evolve(spec.camera, mirror=True))
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=spec)
    assert iou(mattes, clip.subject[part][:, :, ::-1]).min() > 0.9


def test_a_camera_that_comes_back_with_another_size_shows_who_it_was(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.live.camera_thread._RETRY_S", 0.02)
    clip, before, after = clip_of("crossing"), slice(0, 15), slice(60, 70)
    first = session.camera(pictures_of(clip, before))
    first.is_device = True
    # They have changed places meanwhile: the other one stands where the subject was.
    larger = [resized(each, (540, 720)) for each in pictures_of(clip, after)]
    mattes = session.run(first, session.camera(larger, first=15), spec=saying(session, subject=on(clip)))
    truth = np.concatenate([clip.subject[before], clip.subject[after]])
    assert session.live.snapshot().reconnects == 1 and iou(mattes, truth).min() > 0.85


def test_a_cut_is_survived_and_a_loss_is_told(session: Session) -> None:
    clip, part = clip_of("leaves and comes back"), slice(10, 75)
    spec = saying(session, subject=on(clip, 10))
    mattes = session.run(session.camera(pictures_of(clip, part)), spec=spec)
    assert session.findings == ["left", "found"] and session.noted[0].time_s < session.noted[1].time_s
    assert session.live.snapshot().subjects == {"subject": "kept"} and not session.live.was_lost
    shown = clip.subject[part].sum((1, 2)) > 400
    assert iou(mattes, clip.subject[part])[shown].mean() > 0.9
    # Whoever is away is looked for in all of the picture, once in each; where he should be only the first time.
    assert session.live.snapshot().looks <= 65 + 6


def test_pictures_that_do_not_change_are_not_looked_at_again(session: Session) -> None:
    clip = clip_of("mirror")
    still = [clip.frames[0]] * 10 + [clip.frames[1]] * 10
    # A prompt about a picture that has not changed is heard.
    actions: Actions = {5: lambda live: live.set_subject(on(clip, 0, "other"))}
    mattes = session.run(session.camera(still, actions), spec=saying(session, subject=on(clip)))
    assert iou(mattes[:5], clip.subject[[0] * 5]).min() > 0.9
    assert iou(mattes[5:], clip.mattes["other"][[0] * 15]).min() > 0.85
    assert session.live.snapshot().reused == 20 - 3


def test_a_time_counts_from_the_first_picture(session: Session) -> None:
    clip, part = clip_of("mirror"), slice(0, 12)
    begun: list[float] = []

    def wait(live: LiveSession) -> None:
        begun.append(live.snapshot().elapsed_s)
        until(lambda: live.snapshot().elapsed_s - begun[0] > 0.2)

    spec = saying(session, subject=f"0.2:{on(clip)}")
    mattes = session.run(session.camera(pictures_of(clip, part), {6: wait}), spec=spec)
    # Nobody is named before, so everything is kept.
    assert iou(mattes[:1], clip.everybody[:1]).min() > 0.9
    # The sixth is taken before the wait.
    assert iou(mattes[7:], clip.subject[part][7:]).min() > 0.9


def test_auto_waits_and_what_is_never_seen_is_a_loss(session: Session) -> None:
    nobody = [clip_of("mirror").frames[0][:, :20].repeat(WIDTH // 20, 1)] * 3
    session.run(session.camera(nobody), spec=saying(session, subject="auto"))
    assert session.findings == ["waiting", "lost"] and session.live.was_lost


def test_a_subject_is_named_changed_and_given_up_while_it_runs(session: Session) -> None:
    clip, part = clip_of("mirror"), slice(0, 40)
    actions: Actions = {
        8: lambda live: live.set_subject(on(clip, 8)),
        16: lambda live: live.set_subject(on(clip, 16, "other")),
        24: lambda live: live.set_subject(f"anna:{on(clip, 24)}", keep=True),
        32: lambda live: live.set_subject(None),
    }
    mattes = session.run(session.camera(pictures_of(clip, part), actions))
    truth = clip.everybody[part].copy()
    truth[8:16], truth[16:24] = clip.subject[8:16], clip.mattes["other"][16:24]
    assert iou(mattes, truth).min() > 0.9
    assert session.noted == [] and session.live.snapshot().subjects == {}


@pytest.mark.parametrize(
    ("said", "keep", "words"),
    [
        ("point=900,10", False, "lies outside of the picture, which is 480x270"),
        ("mask=none.png", False, "there is no such mask"),
        ("not:point=5,5", True, "needs --subject"),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(session: Session, said: str, keep: bool, words: str) -> None:
    clip = clip_of("mirror")
    actions: Actions = {2: lambda live: live.set_subject(said, keep=keep)}
    mattes = session.run(session.camera(pictures_of(clip, slice(0, 5)), actions))
    assert any(words in line and line.endswith("nothing is changed") for line in session.told)
    assert iou(mattes, clip.everybody[:5]).min() > 0.9


def test_what_is_no_prompt_is_refused_at_once(session: Session) -> None:
    session.live = LiveSession(session.spec, open_camera=lambda: session.camera([]), open_backend=session.load)
    session.live.stop()
    with pytest.raises(UsageError, match="is none of"):
        session.live.set_subject("circle=5")
    session.live.start()


@pytest.mark.parametrize(
    ("subject", "duration", "words"),
    [
        (Point(at=(500, 10)), None, "lies outside of the picture"),
        (Box(box=(0, 0, 10, 10), time=3), 2, "the session ends after 2 s"),
    ],
)
def test_what_does_not_fit_the_camera_ends_the_session(
    session: Session, subject: Point | Box, duration: float | None, words: str
) -> None:
    spec = saying(session, subject=subject)
    spec = evolve(spec, pace=evolve(spec.pace, duration=duration))
    camera = session.camera(pictures_of(clip_of("mirror"), slice(0, 2)))
    session.live = LiveSession(spec, open_camera=lambda: camera, open_backend=session.load)
    session.live.start()
    assert session.live.wait(PATIENCE_S) is LiveState.FAILED
    assert isinstance(session.live.error, UsageError) and words in str(session.live.error)
    assert camera.closed == 1 and not session.path.exists()


def test_a_file_for_each_is_refused() -> None:
    with pytest.raises(UsageError, match="is for renders"):
        live_spec("x", (OutputSpec("composite", Path("{subject}.mp4")),))


@pytest.mark.parametrize(("device", "size"), [("cpu", (96, 160)), ("cuda:0", (192, 320))])
def test_views_are_larger_where_that_costs_little(tmp_path: Path, device: str, size: tuple[int, int]) -> None:
    network, info = SeesFigures((96, 160)), camera_info(tmp_path, (WIDTH, HEIGHT))
    network.info = replace(network.info, device=device)
    assert seen_closer(network, info).info.input_size == size
