"""A render that was cut off, and then the same again: what comes out is what an unbroken one makes."""

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import evolve
from clips import make_clip
from moviefiles import tone, write_movie
from packets import contents, packets
from specs import job_spec
from stubs import INFO, notices

from birefnet_video.backends.base import Pending
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.events import JobEvent
from birefnet_video.inputs.reader import Reader
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import VideoFile
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.outputs.segments import folder_of
from birefnet_video.pipeline.reach import LEAD, TRAIL

#: Seconds of a segment: 20 frames of these clips.
SEGMENT = 0.8
FRAMES = 70
COLOUR = ColourSpec(decontaminate="off")


class Planned(Exception):
    """Stands for whatever ends a process."""


class Dying(StubBackend):
    """Ends the render when it has seen so many frames."""

    def __init__(self, after: int) -> None:
        super().__init__(INFO)
        self._left = after
        self.seen = 0

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        self.seen += len(rgb)
        if self.seen > self._left:
            raise Planned
        return super().infer(rgb)

    def begin(self, rgb: np.ndarray) -> Pending:
        alpha = self.infer(rgb)
        return lambda: alpha


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


def spec_of(source: Path, *outputs: OutputSpec, smooth: str = "off", **writing: Any) -> JobSpec:
    """A render in short segments."""
    writing = {"segment": SEGMENT, **writing}
    matte = MatteSpec(smooth=smooth, refine=False)  # type: ignore[arg-type]
    return job_spec(source, outputs, matte=matte, colour=COLOUR, writing=WritingSpec(**writing))


def run(spec: JobSpec, *, dies_after: int = 1_000_000) -> tuple[Job, Dying, list[str]]:
    """The job, ended, its network and what a user was told."""
    network = Dying(dies_after)
    job = Job(spec, open_backend=lambda *_: network)
    events: list[JobEvent] = []
    job.subscribe(events.append)
    job.start()
    job.wait()
    return job, network, notices(events)


def elsewhere(spec: JobSpec, folder: Path) -> JobSpec:
    """The same render into another folder."""
    folder.mkdir()
    outputs = tuple(evolve(each, path=folder / each.path.name) for each in spec.outputs)
    return evolve(spec, outputs=outputs)


def check_equal(one: Path, other: Path, *, exact: bool = True) -> None:
    """Compare two files packet by packet; x264 does not code small first frames alike twice: there, what is shown."""
    if exact:
        assert packets(one) == packets(other)
        return
    assert [each[:5] for each in packets(one)] == [each[:5] for each in packets(other)]
    differences = [np.abs(mine - its).mean() for mine, its in zip(shown(one), shown(other), strict=True)]
    assert np.mean(differences) < 1
    # Another frame would be another one by far: what moves has half of the brightness there is.
    assert max(differences) < 4


def shown(path: Path) -> list[np.ndarray]:
    """Luma of all frames."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(np.int16) for frame in container.decode(video=0)]


def broken_and_whole(spec: JobSpec, tmp_path: Path, *cuts: int) -> tuple[JobSpec, JobSpec]:
    """A render cut off after so many frames each time, and the same without a break; both finished."""
    whole, broken = elsewhere(spec, tmp_path / "whole"), elsewhere(spec, tmp_path / "broken")
    run(whole)[0].result()
    for cut in cuts:
        job, _, _ = run(broken, dies_after=cut)
        with pytest.raises(Planned):
            job.result()
    run(broken)[0].result()
    return broken, whole


ENCODINGS = [
    *(("alpha", "a.mov", None), ("alpha", "a.webm", None), ("alpha", "a.mkv", None)),
    *(("mask", "m.mkv", None), ("mask", "m.mp4", None), ("mask", "m.mov", "hevc")),
    *(("composite", "g.mp4", None), ("composite", "g.mp4", "hevc"), ("composite", "g.mp4", "av1")),
    *(("composite", "g.webm", "vp9"), ("composite", "f.mov", "prores-hq"), ("foreground", "f.mkv", "ffv1")),
]


@pytest.mark.parametrize(("kind", "name", "codec"), ENCODINGS)
def test_every_encoding_goes_on_packet_by_packet(
    kind: Any, name: str, codec: str | None, clip: Path, tmp_path: Path
) -> None:
    output = OutputSpec(kind, tmp_path / name, codec=codec)
    broken, whole = broken_and_whole(spec_of(clip, output), tmp_path, 30, 30)
    (one,), (other,) = broken.outputs, whole.outputs
    check_equal(one.path, other.path, exact=name.endswith((".mov", ".webm", ".mkv")) and codec != "hevc")
    assert [path.name for path in one.path.parent.iterdir()] == [name]


@pytest.mark.parametrize(("kind", "name"), [("alpha", "a.mov"), ("alpha", "a.mkv"), ("mask", "m.mkv")])
def test_where_no_frame_depends_on_others_segments_do_not_show(
    kind: Any, name: str, clip: Path, tmp_path: Path
) -> None:
    spec = spec_of(clip, OutputSpec(kind, tmp_path / name), smooth="normal")
    cut, plain = elsewhere(spec, tmp_path / "cut"), elsewhere(spec, tmp_path / "plain")
    run(cut)[0].result()
    run(evolve(plain, writing=evolve(plain.writing, resume="never")))[0].result()
    assert packets(cut.outputs[0].path) == packets(plain.outputs[0].path)


@pytest.mark.parametrize("name", ["a_%03d.png", "a_%03d.exr"])
def test_pictures_go_on(name: str, clip: Path, tmp_path: Path) -> None:
    broken, whole = broken_and_whole(spec_of(clip, OutputSpec("alpha", tmp_path / name)), tmp_path, 50)
    one, other = (contents(spec.outputs[0].path.parent) for spec in (broken, whole))
    assert len(one) == FRAMES and one == other


@pytest.mark.parametrize("smooth", ["off", "normal", "high", "live"])
def test_the_network_begins_before_all_that_smoothing_asks(smooth: Any) -> None:
    from birefnet_video.matting.temporal.smoothing import make_smoother

    delay = make_smoother(smooth).delay if smooth != "off" else 0
    assert TRAIL[smooth] >= delay and (LEAD[smooth] > delay or smooth == "off")


@pytest.mark.parametrize("smooth", ["normal", "high", "live"])
def test_smoothing_does_not_show_where_a_run_goes_on(smooth: str, clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), smooth=smooth)
    broken, whole = broken_and_whole(spec, tmp_path, 33, 20)
    assert packets(broken.outputs[0].path) == packets(whole.outputs[0].path)


def test_a_video_behind_the_subject_goes_on(clip: Path, tmp_path: Path) -> None:
    behind = VideoFile(make_clip(tmp_path / "behind.mp4", frames=11, rate=20))
    output = OutputSpec("composite", tmp_path / "c.mkv", behind, codec="ffv1")
    broken, whole = broken_and_whole(spec_of(clip, output), tmp_path, 50)
    assert packets(broken.outputs[0].path) == packets(whole.outputs[0].path)


UNEVEN = [Fraction(n * n + 7 * n, 900) for n in range(60)]
SOURCES: dict[str, Callable[[Path], Path]] = {
    "no clock": lambda path: write_movie(path / "in.h264", count=60, container="h264"),
    "uneven": lambda path: write_movie(path / "in.mkv", times=UNEVEN, sound=tone(4)),
    "late": lambda path: write_movie(path / "in.mp4", count=60, shift=1.3, sound=tone(3)),
    "a gap": lambda path: write_movie(path / "in.mp4", times=[Fraction(n, 25) + (n > 30) * 5 for n in range(60)]),
    "slow": lambda path: make_clip(path / "in.mp4", frames=60, rate=1),
    "fast": lambda path: write_movie(path / "in.mkv", count=90, rate=240),
    "ten bits": lambda path: write_movie(
        path / "in.mp4",
        codec="libx265",
        pixel_format="yuv420p10le",
        count=60,
        options={"x265-params": "log-level=none"},
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_odd_times_are_kept(source: str, tmp_path: Path) -> None:
    given = SOURCES[source](tmp_path)
    outputs = (OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("composite", tmp_path / "g.mp4"))
    segment = 16.0 if source == "slow" else 0.3
    broken, whole = broken_and_whole(spec_of(given, *outputs, segment=segment), tmp_path, 45)
    plain = elsewhere(spec_of(given, *outputs, resume="never"), tmp_path / "plain")
    run(plain)[0].result()
    for one, other, direct in zip(broken.outputs, whole.outputs, plain.outputs, strict=True):
        check_equal(one.path, other.path, exact=one.path.suffix == ".mov")
        # Lengths of packets follow the order of decoding, which may change where encoders begin anew.
        assert sorted(each[:2] for each in packets(one.path)) == sorted(each[:2] for each in packets(direct.path))
    assert packets(broken.outputs[0].path) == packets(plain.outputs[0].path)


@pytest.mark.parametrize("name", ["a.mov", "g.mkv"])
def test_a_part_of_the_input_goes_on(name: str, clip: Path, tmp_path: Path) -> None:
    kind: Any = "alpha" if name == "a.mov" else "composite"
    spec = spec_of(clip, OutputSpec(kind, tmp_path / name, codec=None if kind == "alpha" else "ffv1"), verify="full")
    spec = evolve(spec, input=InputSpec(start="0.5", duration="1.9"))
    broken, whole = broken_and_whole(spec, tmp_path, 30)
    assert packets(broken.outputs[0].path) == packets(whole.outputs[0].path)


def test_numbered_pictures_go_on_to_numbered_pictures(clip: Path, tmp_path: Path) -> None:
    numbered = tmp_path / "in"
    numbered.mkdir()
    run(spec_of(clip, OutputSpec("composite", numbered / "x.mp4"), OutputSpec("mask", numbered / "s_%04d.png")))[
        0
    ].result()
    # One is missing, and they do not begin at 1.
    for number in (*range(1, 8), 30):
        (numbered / f"s_{number:04d}.png").unlink()
    spec = spec_of(
        numbered / "s_%04d.png", OutputSpec("mask", tmp_path / "m_%04d.png"), OutputSpec("alpha", tmp_path / "a.mov")
    )
    broken, whole = broken_and_whole(spec, tmp_path, 40)
    one, other = (contents(each.outputs[0].path.parent) for each in (broken, whole))
    assert one.keys() == other.keys() == {"a.mov", *(f"m_{number:04d}.png" for number in range(8, 71) if number != 30)}
    assert {name: data for name, data in one.items() if name != "a.mov"} == {
        name: data for name, data in other.items() if name != "a.mov"
    }
    assert packets(broken.outputs[1].path) == packets(whole.outputs[1].path)


def test_no_more_than_a_segment_is_made_again(clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("mask", tmp_path / "m.mkv"))
    run(spec, dies_after=50)
    journals = [folder_of(each.path) / "journal.jsonl" for each in spec.outputs]
    lines = [path.read_text().splitlines() for path in journals]
    done = min(sum(len(json.loads(line).get("frames", ())) for line in each) for each in lines)
    assert 0 < done <= 50 and 50 - done < 2 * 20 + 4 * INFO.batch_size
    job, network, told = run(spec)
    report = job.result()
    assert report.frames == FRAMES and network.seen <= FRAMES - done + INFO.batch_size
    snapshot = job.snapshot()
    assert snapshot.kept == snapshot.written == FRAMES and snapshot.decoded <= FRAMES
    assert any(f"{done} frames were done" in line for line in told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mov", "m.mkv"]


def test_the_report_counts_all_frames_and_knows_all_cuts(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_frames(source, lambda number: shot(number >= 24))
    spec = spec_of(source, OutputSpec("mask", tmp_path / "m.mkv"), smooth="normal", verify="full")
    run(spec, dies_after=60)
    job, _, _ = run(spec)
    report = job.result()
    assert [cut.index for cut in report.cuts] == [24] and report.frames == FRAMES


def shot(second: bool) -> np.ndarray:
    """A still picture of one of two shots, uint8 RGB."""
    y, x = np.mgrid[:96, :160]
    parts = (255 - y, 90 + x, 30 + 0 * x) if second else (x, y, x // 2 + y)
    return np.stack(parts, -1).astype(np.uint8)


def write_frames(path: Path, picture: Callable[[int], np.ndarray]) -> None:
    """A lossless clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv444p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("segment", [SEGMENT, 1.0, None])
def test_what_is_finished_is_not_made_again(
    segment: float | None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.pipeline.resuming.SEGMENT_S", SEGMENT)
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), segment=segment)
    run(spec)[0].result()
    before = (tmp_path / "a.mov").stat().st_mtime_ns
    job, network, told = run(spec)
    report = job.result()
    assert (
        report.was_done_before
        and not network.seen
        and report.frames == FRAMES
        and report.outputs == (tmp_path / "a.mov",)
    )
    assert "finished by an earlier run" in told[0] and (tmp_path / "a.mov").stat().st_mtime_ns == before
    # Anything else is another render.
    for other in (
        evolve(spec, matte=MatteSpec(smooth="off", refine=True)),
        spec_of(clip, *spec.outputs, resume="never"),
    ):
        with pytest.raises(OutputRefused, match="exists already"):
            run(other)[0].result()
    (tmp_path / "a.mov").write_bytes(b"another file")
    with pytest.raises(OutputRefused, match="exists already"):
        run(spec)[0].result()


def test_other_settings_are_refused_and_named(clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=50)
    other = evolve(spec, matte=MatteSpec(smooth="off", refine=True))
    with pytest.raises(OutputRefused, match="was begun otherwise: refine was False, is True") as refused:
        run(other)[0].result()
    assert "-y begins anew" in (refused.value.hint or "")
    job, network, told = run(evolve(other, writing=evolve(other.writing, overwrite=True)))
    job.result()
    assert network.seen >= FRAMES and any("begun anew" in line for line in told)


def test_another_output_beside_is_refused(clip: Path, tmp_path: Path) -> None:
    first, second = OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("mask", tmp_path / "m.mkv")
    run(spec_of(clip, first), dies_after=50)
    with pytest.raises(OutputRefused, match=r"m\.mkv: is no output of the run that has begun the others \(-y"):
        run(spec_of(clip, first, second))[0].result()
    job, network, told = run(spec_of(clip, first, second, overwrite=True))
    job.result()
    assert network.seen >= FRAMES and any("begun anew" in line for line in told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mov", "m.mkv"]


def test_pictures_get_a_folder_of_their_own(clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("mask", tmp_path / "new" / "m_%03d.png"))
    run(spec, dies_after=50)
    run(spec)[0].result()
    assert len(contents(tmp_path / "new")) == FRAMES


@pytest.mark.parametrize("line", ["{}", '{"frames": 3}', '{"frames": [[1]], "written": null, "known": {}}'])
def test_lines_that_mean_nothing_end_a_journal(line: str, clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=62)
    journal = folder_of(tmp_path / "a.mov") / "journal.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    job, network, _ = run(spec)
    assert job.result().frames == FRAMES and network.seen < FRAMES


def test_another_input_is_refused(clip: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(clip, tmp_path / "in.mp4"))
    spec = spec_of(source, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=50)
    make_clip(source, frames=FRAMES, size=(128, 96))
    with pytest.raises(OutputRefused, match="was begun otherwise: input was"):
        run(spec)[0].result()


def test_what_never_and_require_mean(clip: Path, tmp_path: Path) -> None:
    output = OutputSpec("alpha", tmp_path / "a.mov")
    with pytest.raises(OutputRefused, match="nothing to go on from"):
        run(spec_of(clip, output, resume="require"))[0].result()
    run(spec_of(clip, output), dies_after=50)
    job, network, told = run(spec_of(clip, output, resume="require"))
    job.result()
    assert network.seen < FRAMES
    for path in tmp_path.iterdir():
        path.unlink()
    run(spec_of(clip, output), dies_after=50)
    job, network, told = run(spec_of(clip, output, resume="never"))
    job.result()
    assert network.seen == FRAMES and any("is not used and stays" in line for line in told)
    assert folder_of(output.path).is_dir()


def test_what_cannot_be_cut_is_said(clip: Path, tmp_path: Path) -> None:
    output = OutputSpec("alpha", tmp_path / "a.apng")
    with pytest.raises(UsageError, match="written as a whole"):
        run(spec_of(clip, output, resume="require"))[0].result()
    _, _, told = run(spec_of(clip, output))
    assert any("will not outlive a cut" in line for line in told)


def test_short_renders_are_made_in_one_go(clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), segment=60)
    run(spec, dies_after=50)
    assert not folder_of(tmp_path / "a.mov").exists()


@pytest.mark.parametrize("damage", ["cut off", "changed", "gone"])
def test_a_damaged_part_is_made_anew(damage: str, clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    whole = elsewhere(spec, tmp_path / "whole")
    run(whole)[0].result()
    run(spec, dies_after=62)
    part = folder_of(tmp_path / "a.mov") / "00001.part"
    data = bytearray(part.read_bytes())
    if damage == "gone":
        part.unlink()
    elif damage == "changed":
        data[len(data) // 2] ^= 255
        part.write_bytes(data)
    else:
        part.write_bytes(data[: len(data) // 2])
    job, _, told = run(spec)
    job.result()
    assert any("00001.part: is damaged" in line for line in told)
    assert packets(tmp_path / "a.mov") == packets(whole.outputs[0].path)


@pytest.mark.parametrize("size", [0, 1, 40, -1, -30])
def test_a_journal_that_was_cut_off_is_believed_up_to_there(size: int, clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=62)
    journal = folder_of(tmp_path / "a.mov") / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[: size or 0] if size >= 0 else journal.read_bytes()[:size])
    job, _, _ = run(spec)
    assert job.result().frames == FRAMES


def test_two_cannot_write_one_output(clip: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=50)
    with (
        FileLock(folder_of(tmp_path / "a.mov") / ".lock"),
        pytest.raises(BirefnetVideoError, match=r"a\.mov: another render is writing it"),
    ):
        run(spec)[0].result()
    run(spec)[0].result()


def test_a_cancelled_render_goes_on_and_one_that_is_thrown_away_does_not(clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    run(spec, dies_after=50)
    assert folder_of(tmp_path / "a.mov").is_dir()
    job = Job(spec, open_backend=lambda *_: StubBackend(INFO, delay_s=0.02))
    reached: list[int] = []

    def stop(event: JobEvent) -> None:
        reached.append(0)
        job.cancel(keep=False)

    job.subscribe(stop)
    job.start()
    job.wait()
    assert reached
    _, network, _ = run(spec)
    assert network.seen


@pytest.mark.parametrize(("source", "is_sought"), [("uneven", True), ("late", True), ("no clock", False)])
def test_decoding_begins_anew_only_where_something_was_mended(
    source: str, is_sought: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(SOURCES[source](tmp_path), OutputSpec("mask", tmp_path / "m.mkv"), segment=0.3)
    run(spec, dies_after=45)
    begun: list[int] = []
    usual = Reader.__init__

    def noting(self: Reader, *given: Any, **options: Any) -> None:
        begun.append(options.get("before", 0))
        usual(self, *given, **options)

    monkeypatch.setattr(Reader, "__init__", noting)
    run(spec)[0].result()
    assert (begun[-1] > 0) == is_sought


def test_where_the_place_is_not_found_all_is_decoded(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    whole = elsewhere(spec, tmp_path / "whole")
    run(whole)[0].result()
    run(spec, dies_after=50)
    usual = Reader.frames

    def late(self: Reader) -> Any:
        """As from a file whose index leads behind the place."""
        frames = usual(self)
        return islice(frames, 2, None) if self.given else frames

    monkeypatch.setattr(Reader, "frames", late)
    run(spec)[0].result()
    assert packets(tmp_path / "a.mov") == packets(whole.outputs[0].path)
