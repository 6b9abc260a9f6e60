"""A job is paused, looked at, and stopped with or without a trace."""

from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, read_times
from clocks import Clock
from specs import job_spec
from stubs import open_stub, our_threads, stub_job
from wait import until

from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline.meters import ActiveClock
from birefnet_video.types import OWN_PIXELS, Preview


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", frames=200)


def test_a_paused_job_stands_still_and_then_finishes(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(runs=True)
    monkeypatch.setattr("birefnet_video.pipeline.meters.time", clock)
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov"}, delay_s=0.005)
    job.pause()
    assert job.snapshot().state is JobState.WAITING
    job.start()
    until(lambda: job.snapshot().written > 8)
    job.pause()
    assert job.snapshot().state is JobState.PAUSED
    before = job.snapshot()
    others = (tmp_path / f"other{number}.mkv" for number in range(1000))

    def stands_while_another_works() -> bool:
        stood = job.snapshot().written
        other, _ = stub_job(clip, {"mask": next(others)})
        other.start()
        assert other.result().frames == 200
        return job.snapshot().written == stood

    # What is on its way goes through first.
    until(stands_while_another_works)
    clock.go(3600)
    now = job.snapshot()
    assert before.decoded <= now.decoded <= before.decoded + 1 < 200
    assert before.written <= now.written <= now.decoded and now.elapsed_s == before.elapsed_s
    job.resume()
    assert job.wait() is JobState.FINISHED
    assert len(read_times(tmp_path / "out.mov")) == 200
    end = job.snapshot()
    # The pause counts nowhere, nor does loading for the pace.
    assert end.elapsed_s < 3600 and end.fps > 200 / end.elapsed_s
    assert end.bytes_written == (tmp_path / "out.mov").stat().st_size


def test_a_paused_job_can_be_cancelled(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov"}, delay_s=0.005)
    job.start()
    until(lambda: job.snapshot().written > 4)
    job.pause()
    job.cancel()
    assert job.wait() is JobState.CANCELLED and our_threads() == []
    assert 4 < len(read_times(tmp_path / "out.partial.mov")) < 200


def test_a_pause_in_the_moment_of_a_cancel_does_not_hold_it(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov"}, delay_s=0.005)
    job.start()
    until(lambda: job.snapshot().written > 4)
    job.cancel()
    job.pause()
    assert job.wait(20) is JobState.CANCELLED and our_threads() == []


def test_a_stopped_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock()
    monkeypatch.setattr("birefnet_video.pipeline.meters.time", time)
    clock = ActiveClock()
    before = clock.now()
    time.go(1)
    clock.stop()
    time.go(10)
    clock.stop()
    time.go(100)
    assert clock.now() - before == 1
    clock.start()
    clock.start()
    time.go(1000)
    assert clock.now() - before == 1001


def test_a_part_that_nobody_wants_is_removed(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov", "mask": tmp_path / "m.mkv"}, delay_s=0.005)
    job.start()
    until(lambda: job.snapshot().written > 4)
    job.cancel(keep=False)
    assert job.wait() is JobState.CANCELLED
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_previews_are_pictures_of_the_frames(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov", "green": tmp_path / "green.mp4"}, delay_s=0.005)
    assert job.preview(40, 40) is None
    job.start()
    seen: list[Preview] = []

    def look(zoom: int, at: tuple[float, float] | None = None) -> bool:
        picture = job.preview(40, 40, zoom, at)
        if picture is not None and (not seen or picture.meta.index != seen[-1].meta.index):
            seen.append(picture)
        return len(seen) >= 4

    until(lambda: look(1))
    for picture in seen:
        assert picture.rgb.shape == (24, 40, 3) and picture.alpha.shape == (24, 40)
        # The disc is bright, and where the clip says.
        columns = np.flatnonzero((picture.rgb[..., 0] > 160).any(0))
        assert abs(columns.mean() / 40 - (0.2 + 0.6 * picture.meta.index / 199)) < 0.06
    seen.clear()
    until(lambda: look(2))
    assert seen[-1].rgb.shape == (24, 40, 3)
    # Enlarged, the edge of the matte fills more of the picture.
    assert ((seen[-1].alpha > 8) & (seen[-1].alpha < 247)).mean() > 0
    seen.clear()
    until(lambda: look(OWN_PIXELS, (0.5, 1.0)))
    # A pixel is one of the clip's 160 x 96, at the bottom of it.
    part, sent = seen[-1].part, seen[-1].sent
    assert seen[-1].rgb.shape == (40, 40, 3) and part == pytest.approx((60 / 160, 56 / 96, 40 / 160, 40 / 96))
    # Before the background that is written.
    share = seen[-1].alpha[..., None] / 255
    assert sent is not None and sent.shape == (40, 40, 3)
    assert np.abs(sent - (seen[-1].rgb * share + np.array((0, 177, 64)) * (1 - share))).mean() < 4
    job.cancel(keep=False)
    job.wait()


def test_where_the_time_goes_adds_up(clip: Path, tmp_path: Path) -> None:
    spec = job_spec(clip, (OutputSpec("mask", tmp_path / "m.mkv"),))
    job = Job(spec, open_backend=open_stub(delay_s=0.01, batch_size=1))
    job.start()
    assert job.wait() is JobState.FINISHED
    snapshot = job.snapshot()
    infer = next(stage for stage in snapshot.stages if stage.name == "infer")
    assert infer.busy_s > 200 * 0.01 and infer.slow_s >= infer.median_s >= 0.01
    for stage in snapshot.stages[:-1]:
        assert stage.capacity > 0
        assert stage.busy_s + stage.waited_in_s + stage.waited_out_s <= snapshot.elapsed_s + 1e-6
