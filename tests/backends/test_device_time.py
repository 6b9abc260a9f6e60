"""How long a GPU computed, by events that stand in."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from birefnet_video.tui.summary_text import summary_text
from fake_watch import SUMMARY
from stubs import stub_job

from birefnet_video.backends import device_time
from birefnet_video.backends.device_time import DeviceMeter, busy_from_now
from birefnet_video.bench import BenchRow
from birefnet_video.commands.bench import _table
from birefnet_video.events import JobState
from birefnet_video.json_lines import final_record
from birefnet_video.pipeline import assemble
from birefnet_video.renders.summary import RunSummary, summarise
from birefnet_video.renders.wire import snapshot_from_json, snapshot_to_json

CLIP = Path(__file__).parents[1] / "data" / "clips" / "no_audio.mp4"


class Device:
    """Gives events that are not done before the device has come so far."""

    def __init__(self) -> None:
        self.given_ms = self.done_ms = 0.0
        self.is_broken = False

    def event(self) -> "Moment":
        return Moment(self)


class Moment:
    def __init__(self, device: Device) -> None:
        self.device, self.at_ms = device, -1.0

    def record(self) -> None:
        self.at_ms = self.device.given_ms

    def query(self) -> bool:
        if self.device.is_broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return self.at_ms <= self.device.done_ms

    def elapsed_time(self, end_event: "Moment") -> float:
        assert self.query() and end_event.query(), "it would wait"
        return end_event.at_ms - self.at_ms


def batch(meter: DeviceMeter, device: Device, ms: float) -> None:
    with meter.batch():
        device.given_ms += ms


def test_batches_count_when_they_are_done_and_nobody_waits() -> None:
    device = Device()
    meter = DeviceMeter(device.event)
    for _ in range(3):
        batch(meter, device, 40.0)
        device.given_ms += 10.0
    assert meter.busy_s == 0.0
    device.done_ms = 95.0
    assert meter.busy_s == pytest.approx(0.08)
    device.done_ms = 150.0
    assert meter.busy_s == pytest.approx(0.12)
    # What is done is not kept.
    assert not meter._open


def test_what_fails_is_not_counted() -> None:
    device = Device()
    meter = DeviceMeter(device.event)
    with pytest.raises(RuntimeError, match="out of memory"), meter.batch():
        raise RuntimeError("out of memory")
    batch(meter, device, 5.0)
    device.done_ms = 5.0
    assert meter.busy_s == pytest.approx(0.005)


def test_a_device_that_has_failed_says_so_to_others() -> None:
    device = Device()
    meter = DeviceMeter(device.event)
    batch(meter, device, 5.0)
    device.done_ms = 5.0
    assert meter.busy_s == pytest.approx(0.005)
    batch(meter, device, 5.0)
    device.is_broken = True
    assert meter.busy_s == pytest.approx(0.005)


def test_a_run_counts_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    meter = DeviceMeter(device.event)
    monkeypatch.setattr(device_time, "meter_of", lambda name: meter)
    batch(meter, device, 500.0)
    device.done_ms = 10_000.0
    busy_s = busy_from_now("cuda:0")
    assert busy_s is not None and busy_s() == 0.0
    batch(meter, device, 250.0)
    assert busy_s() == pytest.approx(0.25)
    assert busy_from_now("cpu") is None and busy_from_now("mps") is None


def test_a_render_says_the_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "busy_from_now", lambda device: lambda: 1e9)
    job, _ = stub_job(CLIP, {"mask": tmp_path / "out.mkv"})
    job.start()
    assert job.wait() is JobState.FINISHED and job.report is not None
    # It cannot have computed for longer than the render took.
    assert job.report.gpu_share == job.snapshot().gpu_share == 1.0
    assert snapshot_from_json(snapshot_to_json(job.snapshot())).gpu_share == 1.0
    assert final_record("finished", 0, job, None)["gpu_share"] == 1.0
    summary = summarise(job, exit_code=0, kept=(), error=None, command="")
    assert summary.gpu_share == 1.0 and RunSummary.from_json(summary.to_json()) == summary


def test_a_render_without_a_gpu_says_none(tmp_path: Path) -> None:
    job, _ = stub_job(CLIP, {"mask": tmp_path / "out.mkv"})
    job.start()
    job.wait()
    assert job.report is not None and job.report.gpu_share is None
    assert final_record("finished", 0, job, None)["gpu_share"] is None
    assert final_record("failed", 2, None, None)["gpu_share"] is None


def test_the_terminal_shows_it_beside_what_the_driver_says() -> None:
    view = SimpleNamespace(record=SimpleNamespace(is_live=False, error=None), summary=SUMMARY)
    assert "the GPU computed" not in summary_text(view).plain  # type: ignore[arg-type]
    view.summary = RunSummary.from_json(SUMMARY.to_json() | {"gpu_share": 0.72})
    assert "the GPU computed mattes for 72% of the time" in summary_text(view).plain  # type: ignore[arg-type]


def test_bench_has_a_column_for_it() -> None:
    row = BenchRow(
        plan="a plan",
        frames=1,
        decode_fps=1,
        model_fps=1,
        encode_fps=1,
        end_to_end_fps=1,
        slowest="model",
        share=1,
        cpu_s=1,
        cpu_parts_s=1,
        memory_mb=1,
        gpu_memory_mb=None,
        gpu_share=0.72,
    )
    head, _, cells = _table([row])
    assert head.endswith("| GPU share |") and cells.endswith("| 0.72 |")
