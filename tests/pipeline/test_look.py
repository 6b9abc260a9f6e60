"""A frame that is looked at is the frame of the render."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import moving
import numpy as np
import pytest
from clips import make_clip, read_times
from specs import job_spec
from stubs import open_stub

from birefnet_video import look
from birefnet_video.colour.convert import alpha_samples
from birefnet_video.errors import NotAVideo, UsageError
from birefnet_video.jobs import Job
from birefnet_video.options.looking import parse_moments, written
from birefnet_video.options.matte import Smoothing
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pictures.files import read_rgba
from birefnet_video.pictures.sheet import Pane, draw_sheet
from birefnet_video.pipeline import look as look_module
from birefnet_video.pipeline.look import LookedAt, Looking

CLIPS = Path(__file__).parents[1] / "data" / "clips"
RATE, SHOT = 25, 22


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of noisy pictures, with pictures that refer to later ones, and one keyframe in two seconds."""
    shots = [moving.make_clip(SHOT, 3, seed=seed).rgb for seed in (1, 40)]
    path = tmp_path_factory.mktemp("look") / "in.mp4"
    write_video(path, [picture for shot in shots for picture in shot], range(2 * SHOT))
    return path


def write_video(path: Path, pictures: Sequence[np.ndarray], ticks: Sequence[int]) -> None:
    options = {"preset": "veryfast", "g": "50", "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture, tick in zip(pictures, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def rendered(source: Path, folder: Path, **options: Any) -> list[np.ndarray]:
    """All frames of a render, straight RGBA."""
    job = Job(job_spec(source, [OutputSpec("alpha", folder / "a_%05d.png")], **options), open_backend=open_stub())
    job.start()
    job.result()
    return [read_rgba(path) for path in sorted(folder.glob("a_*.png"))]


def looked_at(source: Path, times: str, outputs: Sequence[OutputSpec] = (), **options: Any) -> list[LookedAt]:
    outputs = outputs or [OutputSpec("alpha", Path("nowhere/a.mov"))]
    looking = Looking(job_spec(source, outputs, **options), lambda message: None)
    return list(looking.frames(looking.times(parse_moments(times)), open_stub()))


@pytest.mark.parametrize("smooth", ["normal", "off", "high", "live"])
def test_a_frame_is_that_of_the_render(clip: Path, tmp_path: Path, smooth: Smoothing) -> None:
    edits = {"smooth": smooth, "mask_offset": 1, "despill": "green"}
    frames = rendered(clip, tmp_path, **edits)
    # The first two, one in the middle, three on each side of the cut, and the last two.
    chosen = [0, 1, 11, *range(SHOT - 3, SHOT + 3), 2 * SHOT - 2, 2 * SHOT - 1]
    times = ",".join(f"{Fraction(index, RATE)}" for index in chosen)
    for index, looked in zip(chosen, looked_at(clip, times, **edits), strict=True):
        assert looked.time_s == Fraction(index, RATE)
        np.testing.assert_array_equal(looked.result, frames[index], err_msg=f"frame {index}")
        np.testing.assert_array_equal(alpha_samples(looked.alpha, 8), frames[index][..., 3])


def test_smoothing_needs_its_neighbours_to_be_that_of_the_render(clip: Path, tmp_path: Path) -> None:
    (alone,) = looked_at(clip, "11/25", smooth="off")
    (steady,) = looked_at(clip, "11/25", smooth="normal")
    assert np.abs(alone.alpha - steady.alpha).max() > 0.02


def test_a_part_begins_and_ends_for_its_frames_as_for_the_render(clip: Path, tmp_path: Path) -> None:
    part = {"start": Fraction(10, RATE), "duration": Fraction(8, RATE)}
    frames = rendered(clip, tmp_path, **part)
    looked = looked_at(clip, "10/25,11/25,17/25,0%,100%", **part)
    assert [each.time_s * RATE for each in looked] == [10, 11, 17, 17]
    for each in looked:
        np.testing.assert_array_equal(each.result, frames[int(each.time_s * RATE) - 10])


def test_a_time_shows_what_a_player_shows_then(clip: Path) -> None:
    looked = looked_at(clip, "0.399,0.4,0.439", smooth="off")
    assert [each.time_s for each in looked] == [Fraction(9, RATE), Fraction(2, 5), Fraction(2, 5)]


def test_a_time_that_was_cut_off_to_milliseconds_finds_its_frame_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", rate=30)
    (looked,) = looked_at(source, "1/30", smooth="off")
    assert looked.time_s == Fraction(1, 30)
    (again,) = looked_at(source, "0.033", smooth="off")
    assert again.time_s == looked.time_s


def test_frames_of_uneven_length_are_found_with_their_neighbours(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 40, 41, 90, 91, 92, 93, 200, 400]
    source = tmp_path / "in.mp4"
    write_video(source, moving.make_clip(len(ticks), 3).rgb, ticks)
    assert [time * RATE for time in read_times(source)] == ticks
    frames = rendered(source, tmp_path)
    for index, at in ((2, 39), (3, 40), (5, 90), (9, 399), (10, 400)):
        (looked,) = looked_at(source, f"{at}/25")
        assert looked.time_s * RATE == ticks[index]
        np.testing.assert_array_equal(looked.result, frames[index])


def test_a_late_frame_is_not_decoded_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=1500)
    decoded: list[Fraction] = []

    class Counting(look_module.Reader):
        def _counted(self) -> Any:
            for frame in super()._counted():
                decoded.append(frame.meta.pts)
                yield frame

    monkeypatch.setattr(look_module, "Reader", Counting)
    (looked,) = looked_at(source, "55")
    assert looked.time_s == 55
    # Three before, the frame, three behind, one more on each side.
    assert len(decoded) <= 10


@pytest.mark.parametrize(
    ("name", "at"),
    [("start_offset.ts", 0.5), ("gap_10s.mkv", 5.0), ("vfr_90k.mp4", 0.4), ("interlaced_tff.mp4", 0.3)],
)
def test_clips_of_odd_clocks_give_the_frame_of_the_render(name: str, at: float, tmp_path: Path) -> None:
    frames = rendered(CLIPS / name, tmp_path, smooth="off")
    (looked,) = looked_at(CLIPS / name, str(at), smooth="off")
    assert any(np.array_equal(looked.result, frame) for frame in frames)
    assert looked.time_s <= Fraction(at)


@pytest.mark.parametrize("name", ["rot90.mov", "odd_161x91.mp4", "pq_2020_10bit_hevc.mp4", "in_vp9_alpha.webm"])
def test_turned_odd_hdr_and_cut_out_clips_have_whole_pictures(name: str) -> None:
    over = OutputSpec("composite", Path("c.mp4"), "blur")  # type: ignore[arg-type]
    (looked,) = looked_at(CLIPS / name, "0", [over])
    height, width = looked.alpha.shape
    assert looked.source.shape == (height, width, 3) and looked.result.shape == (height, width, 4)
    ((background, composite),) = looked.composites
    assert background == "blur:40" and composite.shape[0] - height in (0, 1) and composite.shape[1] - width in (0, 1)
    # Where all is subject, the result has the picture's colours; the composite lost some chroma.
    sure = looked.alpha > 0.999
    if name != "in_vp9_alpha.webm" and sure.any():
        assert np.abs(looked.result[sure][:, :3].astype(int) - looked.source[sure]).mean() < 3
        assert np.abs(composite[:height, :width][sure].astype(int) - looked.source[sure]).mean() < 6


def test_numbered_pictures_are_looked_at_too(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number, picture in enumerate(moving.make_clip(12, 3).rgb, 5):
        cv2.imwrite(str(folder / f"s_{number:03}.png"), picture[..., ::-1])
    frames = rendered(folder / "s_%03d.png", tmp_path)
    looked = looked_at(folder / "s_%03d.png", "0,6/25,11/25")
    for index, each in zip((0, 6, 11), looked, strict=True):
        np.testing.assert_array_equal(each.result, frames[index])


def test_a_film_behind_the_subject_has_gone_on_as_far_as_in_the_render(clip: Path, tmp_path: Path) -> None:
    film = make_clip(tmp_path / "behind.mp4", frames=60)
    output = OutputSpec("composite", tmp_path / "c.mkv", str(film), codec="ffv1")  # type: ignore[arg-type]
    job = Job(job_spec(clip, [output]), open_backend=open_stub())
    job.start()
    job.result()
    with av.open(str(tmp_path / "c.mkv")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    (looked,) = looked_at(clip, "20/25", [output])
    ((_, composite),) = looked.composites
    errors = [float(np.abs(composite.astype(int) - frame).mean()) for frame in frames]
    assert int(np.argmin(errors)) == 20 and errors[20] < 3


def test_times_are_those_of_the_part_that_is_rendered(clip: Path) -> None:
    looking = Looking(
        job_spec(clip, [OutputSpec("mask", Path("m.mkv"))], start="0.4", duration="0.8"), lambda message: None
    )
    assert looking.times(parse_moments("50%,0.8,auto:2")) == [Fraction("0.8"), Fraction("0.6"), 1]
    for time in ("0.3", "1.21"):
        with pytest.raises(UsageError, match=r".* is not rendered: .* from 0.40 s on to 1.20 s"):
            looking.times(parse_moments(time))


@pytest.mark.parametrize("text", ["", "soon", "1,,2", "101%", "auto:0", "auto:101", "auto:x", "-1", "auto:60,auto:61"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--look: "):
        parse_moments(text)


def test_times_in_python_are_numbers_or_texts() -> None:
    assert written([1, 2.5, 0.29, Fraction(1, 3), "50%"]) == "1,2.5,0.29,1/3,50%"
    assert parse_moments(written("1:02.5, auto")) == (*parse_moments("62.5"), *parse_moments("auto:3"))
    assert [moment.share for moment in parse_moments("auto")] == [Fraction(1, 6), Fraction(1, 2), Fraction(5, 6)]


def test_python_looks_at_the_same_frames(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Looking.frames
    monkeypatch.setattr(Looking, "frames", lambda looking, times, *_: frames(looking, times, open_stub()))
    first, second = look(clip, times=[0.4, "50%"], smooth="off", alpha="nowhere/a.mov")
    (known,) = looked_at(clip, "10/25", smooth="off")
    np.testing.assert_array_equal(first.result, known.result)
    assert (first.time_s, second.time_s) == (Fraction(10, RATE), Fraction(SHOT, RATE))
    with pytest.raises(UsageError, match="9 s is not rendered"):
        list(look(clip, times=9))
    with pytest.raises(UsageError, match="times: 'soon' is no time"):
        list(look(clip, times="soon"))


def test_a_file_without_a_picture_is_refused() -> None:
    with pytest.raises(NotAVideo):
        looked_at(CLIPS / "zero_frames.mp4", "0")


@pytest.mark.parametrize("shape", [(2160, 3840), (1920, 1080), (91, 161), (40, 2000)])
def test_a_sheet_shows_each_pane_whole_and_its_softest_part(shape: tuple[int, int]) -> None:
    height, width = shape
    soft = np.zeros(shape, np.float32)
    soft[-height // 8 :, -width // 8 :] = 0.25
    source = np.zeros((*shape, 3), np.uint8)
    source[-height // 8 :, -width // 8 :] = (250, 0, 0)
    rgba = np.dstack((source, np.full(shape, 255, np.uint8)))
    sheet = draw_sheet("title", [Pane("source", source), Pane("result", rgba)], soft)
    assert sheet.dtype == np.uint8 and max(sheet.shape) < 2500
    # More of what is soft below than above.
    red = (sheet[..., 0] > 240) & (sheet[..., 1] < 10)
    half = (sheet.shape[0] - 34 - 12) // 2 + 34
    assert red[half:].sum() > red[:half].sum() > 0


@pytest.mark.parametrize(
    ("shape", "pane"),
    [((2160, 3840), (450, 800)), ((1920, 1080), (800, 450)), ((96, 160), (288, 480)), ((16, 16), (240, 240))],
)
def test_large_pictures_are_made_smaller_and_small_ones_larger(shape: tuple[int, int], pane: tuple[int, int]) -> None:
    sheet = draw_sheet("", [Pane("", np.zeros(shape, np.uint8))], np.zeros(shape, np.float32))
    assert sheet.shape == (3 * 34 + 2 * pane[0] + 12, pane[1] + 24, 3)


def test_what_is_not_subject_is_a_checkerboard() -> None:
    nothing = np.zeros((240, 320, 4), np.uint8)
    nothing[..., :3] = (255, 0, 0)
    sheet = draw_sheet("", [Pane("", nothing)], np.zeros((240, 320), np.float32))
    # Within the first pane: colours of what is not seen do not come in.
    pane = sheet[34 + 34 : 34 + 34 + 240, 12 : 12 + 320]
    assert {tuple(pixel) for pixel in pane.reshape(-1, 3).tolist()} == {(102, 102, 102), (153, 153, 153)}
