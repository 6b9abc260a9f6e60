"""Pictures in and out: numbers, gaps, alpha, depth, light."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import make_clip, read_times
from specs import job_spec
from stubs import INFO, PLAIN_COLOUR, notices, open_stub
from wait import until

from birefnet_video.backends.stub import StubBackend
from birefnet_video.colour.convert import integral, plane_array
from birefnet_video.colour.transfer import PQ, from_light, light_table, scene_light, to_light, to_sdr
from birefnet_video.errors import InputMissing, OutputRefused, UsageError, VerificationFailed
from birefnet_video.events import JobEvent, JobStarted
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.inputs.sequence import missing
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import PictureFile
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.values import parse_rate
from birefnet_video.types import ColourTags, PictureSequence


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=6)


def run(source: Path, *outputs: OutputSpec, **options: object) -> list[str]:
    """What the user was told."""
    job = Job(job_spec(source, outputs, **options), open_backend=open_stub())  # type: ignore[arg-type]
    events: list[JobEvent] = []
    job.subscribe(events.append)
    job.start()
    job.result()
    return notices(events)


def make_sequence(folder: Path, numbers: list[int], *, alpha: bool = False) -> Path:
    """Pictures whose brightness is their number."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        picture = np.full((48, 64, 4 if alpha else 3), number % 200, np.uint8)
        picture[10:30, 10:30] = 250
        if alpha:
            picture[..., 3] = 255
            picture[:, 32:, 3] = 128
        cv2.imwrite(str(folder / f"shot_{number:04d}.png"), picture)
    return folder / "shot_%04d.png"


def test_alpha_as_png_is_the_matte_and_the_colour(clip: Path, tmp_path: Path) -> None:
    outputs = OutputSpec("alpha", tmp_path / "a_%03d.png"), OutputSpec("mask", tmp_path / "m.mkv")
    run(clip, *outputs, colour=PLAIN_COLOUR)
    assert sorted(path.name for path in tmp_path.glob("a*")) == [f"a_{i:03d}.png" for i in range(1, 7)]
    with av.open(str(clip)) as container:
        sources = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for index, matte in enumerate(read_mattes(tmp_path / "m.mkv")):
        found = cv2.imread(str(tmp_path / f"a_{index + 1:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert found.dtype == np.uint8 and found.shape[2] == 4
        assert np.abs(found[..., 3] / 255 - matte).max() < 1e-6
        assert np.abs(found[..., 2::-1].astype(int) - sources[index]).mean() < 2


def test_a_deep_source_gives_pictures_of_16_bits(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", frames=3, size=(320, 192), codec="ffv1", pixel_format="yuv420p10le")
    run(clip, OutputSpec("alpha", tmp_path / "a_%d.png"), OutputSpec("mask", tmp_path / "m_%d.png"))
    alpha = cv2.imread(str(tmp_path / "a_2.png"), cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(str(tmp_path / "m_2.png"), cv2.IMREAD_UNCHANGED)
    assert alpha.dtype == mask.dtype == np.uint16
    assert (alpha[..., 3] == mask).all()
    assert len(np.unique(mask)) > 100


def test_exr_holds_linear_light_times_exact_alpha(clip: Path, tmp_path: Path) -> None:
    run(clip, OutputSpec("alpha", tmp_path / "e_%d.exr"), OutputSpec("alpha", tmp_path / "p_%d.png"))
    picture = cv2.imread(str(tmp_path / "p_1.png"), cv2.IMREAD_UNCHANGED)
    with av.open(str(tmp_path / "e_1.exr")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "gbrapf16le"
    green, alpha = (
        np.frombuffer(memoryview(frame.planes[i]), "<f2").reshape(96, -1)[:, :160].astype(float) for i in (0, 3)
    )
    assert np.abs(alpha - picture[..., 3] / 255).max() < 3e-3
    meant = to_light(picture[..., 1] / 255, 1) * picture[..., 3] / 255
    assert np.abs(green - meant).mean() < 0.004


def test_apng_keeps_times_and_alpha(clip: Path, tmp_path: Path) -> None:
    run(clip, OutputSpec("alpha", tmp_path / "a.apng"), OutputSpec("mask", tmp_path / "m.mkv"), verify="full")
    times = read_times(tmp_path / "a.apng")
    assert [time - times[0] for time in times] == [Fraction(i, 25) for i in range(6)]
    for found, meant in zip(read_mattes(tmp_path / "a.apng"), read_mattes(tmp_path / "m.mkv"), strict=True):
        assert np.abs(found - meant).max() < 1e-6


def test_a_sequence_is_an_input(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [1001, 1002, 1003])
    mov, picture = OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("alpha", tmp_path / "b_%04d.png")
    told = run(source, mov, picture, frame_rate=parse_rate("24000/1001"))
    assert told == []
    assert read_times(tmp_path / "a.mov") == [Fraction(1001 * i, 24000) for i in range(3)]
    assert sorted(path.name for path in tmp_path.glob("b*")) == ["b_1001.png", "b_1002.png", "b_1003.png"]


def test_the_assumed_rate_of_a_sequence_is_told(tmp_path: Path) -> None:
    told = run(make_sequence(tmp_path / "in", [7, 8]), OutputSpec("mask", tmp_path / "m.mkv"))
    assert any("25 a second assumed" in text for text in told)


def test_missing_pictures_leave_gaps_in_time_and_are_named(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in 100%", [10, 11, 14, 16])
    job = Job(job_spec(source, (OutputSpec("mask", tmp_path / "m.mkv"),)), open_backend=open_stub())
    job.start()
    report = job.result()
    assert report.damage == "3 pictures are missing (12-13, 15)"
    times = read_times(tmp_path / "m.mkv")
    assert [round((time - times[0]) * 25) for time in times] == [0, 1, 4, 6]


def test_no_such_picture(tmp_path: Path) -> None:
    job = Job(job_spec(tmp_path / "x_%02d.png", (OutputSpec("mask", tmp_path / "m.mkv"),)), open_backend=open_stub())
    job.start()
    with pytest.raises(InputMissing, match="no such picture"):
        job.result()


def test_older_pictures_are_kept_or_replaced(clip: Path, tmp_path: Path) -> None:
    target = OutputSpec("alpha", tmp_path / "a_%02d.png")
    for number in (1, 40):
        (tmp_path / f"a_{number:02d}.png").write_text("old")
    with pytest.raises(OutputRefused, match=r"a_01\.png: exists already"):
        run(clip, target)
    assert (tmp_path / "a_01.png").read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    told = run(clip, target, overwrite=True)
    assert any("1 older pictures" in text and "40-40" in text for text in told)
    assert (tmp_path / "a_01.png").read_bytes()[:4] == b"\x89PNG" and (tmp_path / "a_40.png").read_text() == "old"


def test_a_sequence_is_not_written_over_itself(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [1, 2])
    with pytest.raises(OutputRefused, match="is the input itself"):
        run(source, OutputSpec("alpha", source), overwrite=True)


@pytest.mark.parametrize("name", ["a.png", "a_%d_%d.png", "a_%s.png", "a_%%.exr"])
def test_a_name_for_pictures_needs_one_number(name: str, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="%05d"):
        run(clip, OutputSpec("alpha", tmp_path / name))


def test_a_frame_rate_is_for_sequences_alone(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only image sequences"):
        run(clip, OutputSpec("mask", tmp_path / "m.mkv"), frame_rate=Fraction(24))


def test_a_cancelled_sequence_stays_in_a_folder_that_says_so(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=40)
    output = OutputSpec("alpha", tmp_path / "shot_%03d.png")
    job = Job(job_spec(clip, (output,)), open_backend=open_stub(delay_s=0.05))
    job.start()
    until(lambda: job.snapshot().written)
    job.cancel()
    job.wait()
    kept = sorted((tmp_path / "shot.partial").iterdir())
    assert 1 <= len(kept) < 40 and kept[0].name == "shot_001.png"
    assert cv2.imread(str(kept[-1]), cv2.IMREAD_UNCHANGED).shape == (96, 160, 4)
    assert not list(tmp_path.glob("*.png"))


def test_alpha_of_the_input_is_multiplied_in_or_ignored(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [100, 101], alpha=True)
    rate = Fraction(25)
    told = run(source, OutputSpec("mask", tmp_path / "with.mkv"), frame_rate=rate)
    what = "mattes are multiplied by it and colours stay (--input-alpha ignore leaves it out)"
    assert told == [f"the input has alpha of its own: {what}"]
    assert run(source, OutputSpec("mask", tmp_path / "without.mkv"), frame_rate=rate, input_alpha="ignore") == []
    (found, *_), (plain, *_) = read_mattes(tmp_path / "with.mkv"), read_mattes(tmp_path / "without.mkv")
    share = np.where(np.arange(64) < 32, 1, 128 / 255)
    assert np.abs(found - plain * share).max() <= 1 / 255


def test_alpha_that_only_one_decoder_shows_is_multiplied_in(clip: Path, tmp_path: Path) -> None:
    run(clip, OutputSpec("alpha", tmp_path / "a.webm"), OutputSpec("mask", tmp_path / "plain.mkv"))
    told = run(tmp_path / "a.webm", OutputSpec("mask", tmp_path / "m.mkv"))
    assert any("alpha of its own" in text for text in told)
    for found, once in zip(read_mattes(tmp_path / "m.mkv"), read_mattes(tmp_path / "plain.mkv"), strict=True):
        assert np.abs(found - once**2).mean() < 0.03


def test_full_verification_finds_a_frame_that_is_not_what_was_written(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from birefnet_video.pipeline.stages import MatteGauge

    outputs = (OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("mask", tmp_path / "m.mp4"))
    run(clip, *outputs, OutputSpec("alpha", tmp_path / "a_%d.png"), verify="full")
    measure = MatteGauge.measure

    def spoil(self: MatteGauge, index: int, alpha: np.ndarray) -> None:
        measure(self, index, alpha)
        # As if the file held a fainter matte than the one that was computed.
        if index == 3 and self.means is not None:
            self.means[3] /= 0.9

    monkeypatch.setattr(MatteGauge, "measure", spoil)
    with pytest.raises(VerificationFailed, match="mean matte of frame 3"):
        run(clip, *outputs, overwrite=True, verify="full")
    run(clip, *outputs, overwrite=True)


@pytest.mark.parametrize("transfer", [1, 8, 13, 16, 18])
def test_light_and_code_are_each_others_inverse(transfer: int) -> None:
    coded = np.linspace(0, 1, 1001)
    assert np.abs(from_light(to_light(coded, transfer), transfer) - coded).max() < 1e-3
    assert (np.diff(light_table(transfer)) >= 0).all()


def test_reference_white_of_pq_is_203_candela() -> None:
    assert from_light(np.array(1.0), PQ) == pytest.approx(0.5807, abs=1e-4)  # BT.2408 table 1
    assert to_light(np.array(0.5081), PQ) == pytest.approx(100 / 203, abs=2e-3)
    assert to_light(np.array(0.75), 18) == pytest.approx(1, abs=1e-3)


def test_hdr_is_shown_to_the_network_as_a_picture_with_black_and_white() -> None:
    levels = from_light(np.array([0, 0.18, 0.8, 2, 40]), PQ)
    coded = np.repeat((levels * 65535).round().astype(np.uint16)[None, :, None], 3, axis=2)
    shown = to_sdr(coded, ColourTags(9, PQ, 9))[0, :, 0].astype(int)
    assert shown[0] == 0 and 115 <= shown[1] <= 120 and 229 <= shown[2] <= 233
    assert shown[2] < shown[3] <= shown[4] == 255


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_apng_of_any_rate_is_what_was_written(rate: int, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=50, rate=rate, size=(32, 32))
    run(clip, OutputSpec("alpha", tmp_path / "a.apng"))
    assert len(read_times(tmp_path / "a.apng")) == 50


def test_an_empty_picture_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [1, 2, 3, 4, 5, 6])
    (tmp_path / "in" / "shot_0003.png").write_bytes(b"")
    (tmp_path / "in" / "shot_0006.png").write_bytes(b"")
    job = Job(job_spec(source, (OutputSpec("alpha", tmp_path / "a_%d.png"),)), open_backend=open_stub())
    job.start()
    assert job.result().damage == "2 pictures are missing (3, 6)"
    assert sorted(path.name for path in tmp_path.glob("a_*")) == [f"a_{i}.png" for i in (1, 2, 4, 5)]


def test_a_part_of_a_sequence_keeps_its_numbers_and_its_own_gaps(tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [1, 3, 4, 5, 6, 8])
    told = run(
        source,
        OutputSpec("alpha", tmp_path / "a_%d.png"),
        frame_rate=Fraction(10),
        start=Fraction(3, 10),
        duration=Fraction(3, 10),
    )
    assert sorted(path.name for path in tmp_path.glob("a_*")) == ["a_4.png", "a_5.png", "a_6.png"]
    assert not any("missing" in text for text in told)


def test_gaps_are_named_up_to_a_point() -> None:
    odd = PictureSequence("x_%d.png", tuple(range(1, 100, 2)), (), Fraction(25))
    assert missing(odd) == "49 pictures are missing (2, 4, 6, 8, 10 and 44 more places)"


@pytest.mark.parametrize("name", ["shot_%d.png", "SHOT_%04d.PNG"])
def test_pictures_of_the_input_are_not_replaced_under_another_pattern(name: str, tmp_path: Path) -> None:
    source = make_sequence(tmp_path / "in", [1000, 1001])
    with pytest.raises(OutputRefused, match="is the input itself"):
        run(source, OutputSpec("alpha", source.with_name(name)), overwrite=True)


def test_a_background_among_the_pictures_is_not_replaced(clip: Path, tmp_path: Path) -> None:
    make_sequence(tmp_path, [1])
    behind = OutputSpec("composite", tmp_path / "c.mp4", PictureFile(tmp_path / "shot_0001.png"))
    with pytest.raises(OutputRefused, match="is the background itself"):
        run(clip, OutputSpec("alpha", tmp_path / "shot_%04d.png"), behind, overwrite=True)


def test_a_stranger_in_the_folder_of_unfinished_pictures_does_no_harm(clip: Path, tmp_path: Path) -> None:
    job = Job(job_spec(clip, (OutputSpec("alpha", tmp_path / "a_%d.png"),)), open_backend=open_stub())
    folder = tmp_path / "a.partial"
    job.subscribe(lambda event: (folder / ".DS_Store").write_text("") if isinstance(event, JobStarted) else None)
    job.start()
    assert job.result().frames == 6 and len(list(tmp_path.glob("a_*.png"))) == 6


@pytest.mark.parametrize("low", [0.002, 0.4])
@pytest.mark.parametrize("name", ["a_%d.png", "a.apng", "a.mkv", "m_%d.exr"])
def test_mattes_without_black_or_white_pass_verification(low: float, name: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=2)

    class Soft(StubBackend):
        def infer(self, rgb: np.ndarray) -> np.ndarray:
            row = np.linspace(low, 1 - low, rgb.shape[2], dtype=np.float32)
            return np.broadcast_to(row, rgb.shape[:3]).copy()

    kind = "mask" if name.startswith("m") else "alpha"
    spec = job_spec(clip, (OutputSpec(kind, tmp_path / name),), verify="full")  # type: ignore[arg-type]
    job = Job(spec, open_backend=lambda spec, info, tell: Soft(INFO))
    job.start()
    assert job.result().frames == 2


def test_premultiplied_light_is_divided() -> None:
    frame = av.VideoFrame(8, 8, "gbrapf32le")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    for index, value in enumerate((0.2, 0.1, 0.4, 0.5)):
        plane_array(frame, index)[:] = value
    found = integral(frame)
    codes = [plane_array(found, index)[0, 0] / 65535 for index in range(4)]
    assert codes[:3] == pytest.approx([float(from_light(np.array(v), 1)) for v in (0.4, 0.2, 0.8)], abs=1e-4)
    assert codes[3] == pytest.approx(0.5, abs=1e-4)


def test_sdr_of_wide_primaries_keeps_its_white() -> None:
    white = np.full((1, 1, 3), 65535, np.uint16)
    assert (to_sdr(white, ColourTags(9, 14, 9)) == 255).all()


def test_light_of_an_untagged_picture_is_that_of_srgb() -> None:
    grey = np.full((1, 1, 3), 32768, np.uint16)
    assert scene_light(grey, ColourTags(), is_rgb=True)[0, 0, 0] == pytest.approx(0.214, abs=1e-3)
    assert scene_light(grey, ColourTags(), is_rgb=False)[0, 0, 0] == pytest.approx(0.26, abs=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_alpha": "x"},
        {"frame_rate": Fraction(0)},
        {"frame_rate": Fraction(-5)},
        {"max_pixels": 0},
        {"max_duration": 0},
    ],
)
def test_values_out_of_range_are_wrong_usage(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        job_spec(tmp_path, (OutputSpec("mask", tmp_path / "m.mkv"),), **wrong)  # type: ignore[arg-type]


def test_an_unknown_quality_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="--quality"):
        OutputSpec("mask", Path("m.mkv"), quality="hi")  # type: ignore[arg-type]
