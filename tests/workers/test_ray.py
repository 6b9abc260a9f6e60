"""Workers in a Ray cluster, which a stand-in plays; with Ray itself where it is installed."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from clips import make_clip
from crews import begun, check_whole, left_in
from fake_ray import FakeRay
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, notices, open_stub
from wait import until

from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, UsageError
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.workers import ray_worker, segment_worker

FRAMES = 200


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


@pytest.fixture
def stub_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_worker.SegmentWorker.__init__, "__defaults__", (open_stub(delay_s=0.002),))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, stub_network: None) -> FakeRay:
    """In place of Ray."""
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    return fake


def spec_of(clip: Path, folder: Path, **writing: Any) -> JobSpec:
    return job_spec(
        clip,
        (OutputSpec("alpha", folder / "a.mov"),),
        matte=PLAIN_MATTE,
        colour=PLAIN_COLOUR,
        writing=WritingSpec(**{"segment": 0.8, "ray": "auto", **writing}),
    )


def test_a_cluster_makes_what_one_process_makes(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    (tmp_path / "out").mkdir()
    spec = spec_of(clip, tmp_path / "out")
    job, _ = begun(spec)
    assert job.result().frames == FRAMES
    # One for each machine that is alive, and the connection is given back.
    assert len(fake.actors) == 2 and all(actor.is_dead for actor in fake.actors) and not fake.is_up
    check_whole(spec, tmp_path / "alone")
    assert left_in(tmp_path / "out") == ["a.mov"]


def test_a_machine_that_goes_away_has_its_actor_begun_elsewhere(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    spec = spec_of(clip, tmp_path)
    job, events = begun(spec)
    until(lambda: len(fake.actors) == 2 and job.snapshot().written > 30)
    fake.actors[1].die()
    until(lambda: len(fake.actors) == 3 and job.snapshot().written > 60)
    fake.actors[2].die()
    assert job.result().frames == FRAMES
    lost = [line for line in notices(events) if "has gone away: The actor died; another one is begun" in line]
    # Said once: it is called what it was called before.
    assert len(lost) == 1 and lost[0].startswith("worker 2 on ") and lost[0].count(" on ") == 1
    check_whole(spec, tmp_path / "alone")
    assert not fake.is_up


def test_without_workers_the_same_command_goes_on(
    clip: Path, tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker.RayWorker, "again", lambda self: None)
    spec = spec_of(clip, tmp_path)
    job, _ = begun(spec)
    until(lambda: (job.snapshot().kept or 0) > 20)
    for actor in fake.actors:
        actor.die()
    with pytest.raises(BirefnetVideoError, match="goes on from what is done"):
        job.result()
    again, events = begun(spec)
    assert again.result().frames == FRAMES
    assert any("were done by an earlier run" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")


def test_a_cluster_without_room_is_waited_for(
    clip: Path, tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "_ROOM_S", 0.001)
    fake.room.clear()
    job, events = begun(spec_of(clip, tmp_path))
    until(lambda: any("no machine of the cluster has room for it" in line for line in notices(events)))
    fake.room.set()
    assert job.result().frames == FRAMES


def test_who_watches_sees_a_picture(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    job, _ = begun(spec_of(clip, tmp_path))
    picture = until(lambda: job.preview(40, 40))
    assert picture.rgb.shape == (24, 40, 3) and picture.alpha.shape == (24, 40) and picture.rgb.any()
    job.cancel()
    job.wait()


def test_a_pause_reaches_the_actors(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    job, _ = begun(spec_of(clip, tmp_path))
    until(lambda: job.snapshot().written > 20)
    job.pause()
    worker = fake.actors[0]._made._worker
    until(lambda: worker._is_paused)
    job.resume()
    assert job.result().frames == FRAMES and not worker._is_paused


def test_gpus_are_asked_for_where_there_are_some(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay(gpus=3)
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    job, _ = begun(spec_of(clip, tmp_path))
    # Which this machine does not have.
    with pytest.raises(BackendUnavailable, match="cuda"):
        job.result()
    assert len(fake.asked) == 3 and all(each["num_gpus"] == 1 for each in fake.asked)


def test_what_is_in_the_way_is_said(clip: Path, tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, tmp_path, ray="nowhere")
    for device, ray, error, why in (
        (
            "auto",
            "nowhere",
            BackendUnavailable,
            r"--ray nowhere: Could not find any running Ray instance\. \(ray start",
        ),
        ("cuda:1", "auto", UsageError, "Ray says which GPU"),
    ):
        wrong = evolve(spec, backend=evolve(spec.backend, device=device), writing=evolve(spec.writing, ray=ray))
        with pytest.raises(error, match=why):
            begun(wrong)[0].result()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendUnavailable, match=r"Ray is not installed \(pip install 'birefnet-video\[ray\]'"):
        begun(spec)[0].result()
    assert left_in(tmp_path) == []


class Younger(ray_worker.Actor):
    """As a younger program would ask."""

    def look(self, needed: Mapping[str, Any], version: str) -> dict[str, Any]:
        return super().look(needed, f"{version} and more")


def test_another_version_is_refused(clip: Path, tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_worker, "Actor", Younger)
    with pytest.raises(BackendUnavailable, match=r"has birefnet-video .*, this machine .* and more"):
        begun(spec_of(clip, tmp_path))[0].result()


class StubActor(ray_worker.Actor):
    """With a network that needs no torch; what Ray pickles."""

    def __init__(self) -> None:
        from stubs import open_stub

        from birefnet_video.workers import segment_worker

        segment_worker.SegmentWorker.__init__.__defaults__ = (open_stub(delay_s=0.004),)
        super().__init__()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two machines of one core each, and a head without one."""
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install 'ray>=2.9'")
    monkeypatch.setattr(ray_worker, "Actor", StubActor)
    # Actors find the stub where the tests do.
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    made.shutdown()


def test_a_real_cluster_loses_a_worker_and_a_machine(tmp_path: Path, cluster: Any) -> None:
    import os
    import signal

    import psutil

    clip = make_clip(tmp_path / "in.mp4", frames=2000, size=(64, 48))
    machines = [cluster.add_node(num_cpus=2) for _ in range(2)]
    spec = spec_of(clip, tmp_path, ray=cluster.address, workers=4, segment=4)
    job, events = begun(spec)
    until(lambda: job.snapshot().written > 300)
    named = {each.pid: each.info["name"] or "" for each in psutil.process_iter(["name"])}
    os.kill(next(pid for pid, name in named.items() if "StubActor" in name), signal.SIGKILL)
    until(lambda: job.snapshot().written > 700)
    cluster.remove_node(machines[1], allow_graceful=False)
    assert job.result().frames == 2000
    assert any("has gone away" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")
