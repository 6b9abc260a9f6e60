"""What is in the files: exact alpha, exact colour, the sound's own packets."""

from pathlib import Path

import av
import numpy as np
import pytest
from clips import audio_payload, decode_alpha, make_clip, read_times
from stubs import our_threads, stub_job

from birefnet_video.colour.convert import alpha_samples, plane_array, solid_yuv
from birefnet_video.types import ColourTags


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", with_sound=True)


@pytest.fixture(scope="module")
def outputs(clip: Path) -> dict[str, Path]:
    names = {"alpha": clip.with_name("a.mov"), "mask": clip.with_name("m.mkv"), "green": clip.with_name("g.mp4")}
    job, _ = stub_job(clip, names)  # type: ignore[arg-type]
    job.start()
    job.result()
    return names


def test_alpha_is_prores_4444(outputs: dict[str, Path]) -> None:
    with av.open(str(outputs["alpha"])) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "prores"
        assert stream.codec_context.codec_tag == "ap4h"
        assert next(container.decode(stream)).format.name == "yuva444p12le"


def test_alpha_and_mask_agree_to_a_fraction_of_a_level(outputs: dict[str, Path]) -> None:
    alpha = decode_alpha(outputs["alpha"]) / 4095
    with av.open(str(outputs["mask"])) as container:
        mask = np.stack([plane_array(frame, 0) / 255 for frame in container.decode(video=0)])
    assert alpha.shape == mask.shape
    assert np.abs(alpha - mask).max() <= 0.6 / 255
    assert alpha.max() - alpha.min() > 0.5


def test_ends_of_alpha_are_exact() -> None:
    for bits in (8, 10):
        assert alpha_samples(np.array([0.0, 1.0], np.float32), bits).tolist() == [0, (1 << bits) - 1]


def test_time_and_sound_are_kept(clip: Path, outputs: dict[str, Path]) -> None:
    for name in ("alpha", "green"):
        assert read_times(outputs[name]) == read_times(clip)
        assert audio_payload(outputs[name]) == audio_payload(clip)


def test_background_of_the_composite_is_the_colour_asked_for(outputs: dict[str, Path]) -> None:
    with av.open(str(outputs["mask"])) as masks, av.open(str(outputs["green"])) as greens:
        mask, green = next(masks.decode(video=0)), next(greens.decode(video=0))
    empty = plane_array(mask, 0) < 30
    assert empty.any()
    rgb = green.reformat(format="rgb24", src_colorspace="ITU601").to_ndarray()[empty].astype(float)
    # The stub leaves a little of the picture everywhere, so only the tendency can be asked of single pixels.
    assert rgb.mean(axis=0) == pytest.approx((0, 177, 64), abs=30)


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_solid_colours_match_swscale(matrix: int, full_range: bool) -> None:
    from birefnet_video.colour.convert import matrix_of

    colour = ColourTags(matrix=matrix, full_range=full_range)
    for rgb in ((0, 177, 64), (255, 255, 255), (0, 0, 0), (200, 30, 90)):
        frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), rgb, np.uint8), "rgb24")
        yuv = frame.reformat(
            format="yuv444p", dst_colorspace=matrix_of(colour), dst_color_range="JPEG" if full_range else "MPEG"
        )
        expected = [int(plane_array(yuv, index)[8, 8]) for index in range(3)]
        assert solid_yuv(rgb, colour, 8, full_range=full_range) == pytest.approx(expected, abs=1.2)


def test_no_thread_is_left(outputs: dict[str, Path]) -> None:
    assert our_threads() == []


def test_a_subject_free_clip_is_delivered_with_a_note(tmp_path: Path) -> None:
    from stubs import notices

    black = tmp_path / "black.mkv"
    with av.open(str(black), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    job, events = stub_job(black, {"alpha": tmp_path / "out.mov"})
    job.start()
    assert job.result().frames == 3
    assert "no subject" in " ".join(notices(events))


def test_several_threads_make_the_same_frames_in_the_same_order(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for workers in (1, 4):
        monkeypatch.setattr("birefnet_video.pipeline.assemble._workers", lambda workers=workers: workers)
        out = tmp_path / f"{workers}.mkv"
        job, _ = stub_job(clip, {"alpha": out})
        job.start()
        job.result()
        found.append((read_times(out), decode_alpha(out)))
    assert found[0][0] == found[1][0] and len(found[0][0]) == len(read_times(clip))
    assert np.array_equal(found[0][1], found[1][1])
    assert not our_threads()
