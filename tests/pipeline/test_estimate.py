"""What a render would take is judged by parts of it that are rendered for the purpose, and nothing else is left."""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from specs import job_spec
from stubs import INFO, PLAIN_COLOUR, PLAIN_MATTE, open_stub

from birefnet_video import estimate as estimate_module
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.estimate import PartMeasured, Range, estimate, judged, part_specs
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.pipeline.plan import Plan

CLIPS = Path(__file__).parents[1] / "data" / "clips"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def plan_of(source: Path, *outputs: OutputSpec, **options: Any) -> Plan:
    return Plan.of(job_spec(source, outputs, matte=PLAIN_MATTE, colour=PLAIN_COLOUR, **options))


def test_parts_lie_at_a_sixth_the_middle_and_five_sixths(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=300)
    parts = part_specs(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv")))
    assert [(part.input.start, part.input.length) for part in parts] == [
        (2 - Fraction(12, 25), Fraction(24, 25)),
        (6 - Fraction(12, 25), Fraction(24, 25)),
        (10 - Fraction(12, 25), Fraction(24, 25)),
    ]


def test_parts_lie_within_the_part_that_is_rendered(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=300)
    parts = part_specs(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv"), start=5, end="11"))
    assert [part.input.start + part.input.length / 2 for part in parts if part.input.length] == [6, 8, 10]
    (whole,) = part_specs(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv"), start=10, duration=1))
    assert (whole.input.start, whole.input.length) == (10, 1)


def test_fast_clips_are_measured_from_one_keyframe_to_the_next(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=600, rate=100)
    parts = part_specs(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv")))
    assert {part.input.length for part in parts} == {Fraction(1, 2)}


def test_the_whole_is_judged_by_its_parts() -> None:
    parts = [
        PartMeasured(frames=10, first_s=1.0, rest_s=2.0, sizes=(1000, 10)),
        PartMeasured(frames=30, first_s=1.0, rest_s=4.0, sizes=(9000, 30)),
    ]
    found = judged(parts, 400, 3.0)
    # Of 40 frames: 6 s are too little, 8 s too much.
    assert found.frame_s == Range(pytest.approx(0.175), pytest.approx(0.85 * 4 / 30), pytest.approx(1.15 * 0.3))
    assert found.seconds is not None and found.seconds.about == pytest.approx(70)
    assert found.frame_bytes[0] == Range(pytest.approx(250), pytest.approx(100), pytest.approx(300))
    # Parts that agree are not believed to the byte.
    assert found.frame_bytes[1] == Range(pytest.approx(1), pytest.approx(0.85), pytest.approx(1.15))
    assert found.sizes is not None and found.sizes[0].about == pytest.approx(100_000)
    assert (found.measured, found.loading_s, found.frames) == (40, 3.0, 400)
    unknown = judged(parts, None)
    assert unknown.seconds is None and unknown.sizes is None


#: Outputs, and by what factor bytes may be off: here they are by 1.00 to 1.12.
OUTPUTS = {"a.mov": "alpha", "m.mkv": "mask", "c.mp4": "composite", "p_%03d.png": "alpha", "a.webm": "alpha"}


def test_bytes_are_those_of_the_render_within_a_quarter(tmp_path: Path, temporary: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=250, size=(320, 192), with_sound=True)
    (tmp_path / "out").mkdir()
    outputs = [OutputSpec(kind, tmp_path / "out" / name) for name, kind in OUTPUTS.items()]  # type: ignore[arg-type]
    plan = plan_of(clip, *outputs)
    found = estimate(plan, lambda message: None, open_stub())
    assert list(temporary.iterdir()) == [] and list((tmp_path / "out").iterdir()) == []
    assert (found.frames, found.measured) == (250, 72) and found.sizes is not None and found.memory_mb > 0
    job = Job(plan.spec, open_backend=open_stub())
    job.start()
    job.result()
    for output, size in zip(outputs, found.sizes, strict=True):
        pattern = output.path.name.replace("%03d", "*")
        real = sum(path.stat().st_size for path in output.path.parent.glob(pattern))
        assert 0.75 < size.about / real < 1.25, f"{output.path.name}: {size.about / real:.2f}"


def test_a_network_is_loaded_once_and_closed_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=120)
    opened: list[int] = []
    closed: list[int] = []

    class Counting(StubBackend):
        def close(self) -> None:
            closed.append(1)

    def load(spec: object, info: Any, tell: object) -> Any:
        # Of the whole clip: engines are chosen by its length.
        opened.append(info.frame_count)
        return Counting(INFO)

    estimate(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv")), lambda message: None, load)
    assert (opened, closed) == ([120], [1])


def test_a_part_that_takes_too_long_is_ended_early(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=400)
    monkeypatch.setattr(estimate_module, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(estimate_module, "_LEAST_FRAMES", 100)
    plan = plan_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("alpha", tmp_path / "p_%d.png"))
    found = estimate(plan, lambda message: None, open_stub(delay_s=0.02, batch_size=1))
    assert 12 <= found.measured < 300 and all(size.about > 0 for size in found.frame_bytes)
    assert found.frame_s.most > 0.01 and list(temporary.iterdir()) == []


def test_where_the_parts_have_no_frames_the_beginning_is_measured(tmp_path: Path) -> None:
    found = estimate(plan_of(CLIPS / "gap_10s.mkv", OutputSpec("mask", tmp_path / "m.mkv")), print, open_stub())
    assert found.measured > 0


def test_a_failure_leaves_nothing_behind(tmp_path: Path, temporary: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=120)

    class Failing(StubBackend):
        def infer(self, rgb: np.ndarray) -> np.ndarray:
            raise BackendUnavailable("the device is gone")

    with pytest.raises(BackendUnavailable, match="gone"):
        estimate(plan_of(clip, OutputSpec("mask", tmp_path / "m.mkv")), lambda message: None, lambda *_: Failing(INFO))
    assert list(temporary.iterdir()) == []


def test_standard_output_is_not_measured(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    with pytest.raises(UsageError, match="not standard output"):
        estimate(plan_of(clip, OutputSpec("alpha", STDOUT)), lambda message: None, open_stub())
