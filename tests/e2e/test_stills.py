"""Pictures as people have them: turned by EXIF, with alpha now and then, half-written, numbered by a clock."""

from pathlib import Path

import av
import numpy as np
import pytest
from moviefiles import SIZE, coded, picture, write_coded
from PIL import Image, ImageCms
from stubs import notices, stub_job

from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.inputs.reader import Reader
from birefnet_video.inputs.side_data import side_data
from birefnet_video.pictures.headers import is_whole, turn_of
from birefnet_video.types import Frame, Turn

ORIENTATION = 0x112


def upright(frame: Frame, reader: Reader) -> np.ndarray:
    return reader.info.turn.apply(frame.picture.to_ndarray(format="rgb24"))


def read(path: Path) -> tuple[list[np.ndarray], Reader]:
    reader = Reader(probe(path), lambda text: None)
    return [upright(frame, reader) for frame in reader.frames()], reader


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION], tags[0x10F] = orientation, "Camera"
    return tags


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_out_as_their_exif_says(suffix: str, orientation: int, tmp_path: Path) -> None:
    """Pillow's own transposition is the judge."""
    from PIL import ImageOps

    image = Image.fromarray(picture(3))
    path = tmp_path / f"a_0{suffix}"
    image.save(path, exif=exif(orientation), **({"lossless": True} if suffix == ".webp" else {}))
    meant = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)
    (found,), _ = read(tmp_path / f"a_%d{suffix}")
    assert found.shape == meant.shape
    assert np.abs(found - meant).mean() < 8
    assert turn_of(path.read_bytes()).swaps_sides == (orientation >= 5)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_pictures_that_are_turned_in_different_ways_are_all_upright(suffix: str, tmp_path: Path) -> None:
    for number, orientation in enumerate((6, 1, 8, 3, 5)):
        size = SIZE if orientation >= 5 else SIZE[::-1]
        path = tmp_path / f"a_{number}{suffix}"
        shown = Image.new("RGB", size, (10, 10, 10))
        shown.paste((250, 60, 60), (0, 0, 8, 8))
        shown.save(path, exif=exif(orientation), lossless=True)
    frames, _ = read(tmp_path / f"a_%d{suffix}")
    assert {frame.shape for frame in frames} == {(SIZE[0], SIZE[1], 3)}
    corners = [[int(frame[y, x, 0]) for y in (2, -3) for x in (2, -3)] for frame in frames]
    # Where EXIF puts the stored upper left corner: 6: right, 1: left, 8: lower left, 3: lower right, 5: left.
    assert [values.index(max(values)) for values in corners] == [1, 0, 2, 3, 0]


def test_colour_profiles_and_exif_together_are_read(tmp_path: Path) -> None:
    """PyAV frees the name of a profile twice, and the process would end."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number in range(6):
        image = Image.fromarray(picture(number))
        image.save(tmp_path / f"a_{number}.png", exif=exif(1), icc_profile=profile)
        image.save(tmp_path / f"a_{number}.jpg", exif=exif(1), icc_profile=profile)
        image.save(tmp_path / f"a_{number}.tif", icc_profile=profile, dpi=(300, 300))
    for suffix in ("png", "jpg", "tif"):
        frames, reader = read(tmp_path / f"a_%d.{suffix}")
        assert len(frames) == 6 and reader.damage == []


def test_side_data_that_pyav_does_not_know_is_named_by_its_number(tmp_path: Path) -> None:
    path = write_coded(tmp_path / "a.avi", "mjpeg", [coded(0, "JPEG", exif=exif(6))])
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert side_data(frame, "png") == {}
    assert "UNKNOWN_31" in side_data(frame, "mjpeg") and "DISPLAYMATRIX" in side_data(frame, "mjpeg")
    assert probe(path).turn == Turn(3)


def test_alpha_counts_in_the_pictures_that_have_it(tmp_path: Path) -> None:
    alpha = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    alpha[:, :20] = 0
    for number in range(5):
        opaque = Image.fromarray(picture(number))
        clear = Image.merge("RGBA", (*opaque.split(), Image.fromarray(alpha)))
        # None, room for it, it, none again, it.
        chosen = (opaque, opaque.convert("RGBA"), clear, opaque.quantize(16), clear)[number]
        chosen.save(tmp_path / f"a_{number}.png")
    job, events = stub_job(tmp_path / "a_%d.png", {"mask": tmp_path / "m.mkv"})
    job.start()
    assert job.result().damage is None
    left = [float(matte[:, :20].max()) for matte in read_mattes(tmp_path / "m.mkv")]
    assert [value == 0 for value in left] == [False, False, True, False, True]
    assert sum("alpha of its own" in text for text in notices(events)) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("broken", [0, 2, 4])
def test_a_half_written_picture_is_named_and_no_other_is_lost(kind: str, broken: int, tmp_path: Path) -> None:
    suffix = kind.lower()
    for number in range(5):
        data = coded(number, kind, **({"lossless": True} if kind == "WEBP" else {}))
        (tmp_path / f"a_{number}.{suffix}").write_bytes(data[: len(data) // 2] if number == broken else data)
    job, _ = stub_job(tmp_path / f"a_%d.{suffix}", {"mask": tmp_path / "m.mkv"})
    job.start()
    report = job.result()
    assert report.frames == 4 and report.damage == f"1 picture is damaged ({broken})"


def test_half_of_an_exr_is_not_whole(tmp_path: Path) -> None:
    for compression in ("none", "rle", "zip1", "zip16"):
        context = av.CodecContext.create("exr", "w")
        context.width, context.height, context.pix_fmt = *SIZE, "gbrpf32le"
        context.time_base, context.options = 1, {"compression": compression}
        frame = av.VideoFrame.from_ndarray(picture(1), "rgb24").reformat(format="gbrpf32le")
        data = bytes((context.encode(frame) + context.encode(None))[0])
        assert is_whole(data)
        assert not any(is_whole(data[: int(len(data) * share)]) for share in (0.02, 0.5, 0.95))


def test_a_sequence_of_which_nothing_is_whole_is_no_input(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a_{number}.png").write_bytes(coded(number)[:200])
    with pytest.raises(NotAVideo, match=r"a_0\.png"):
        probe(tmp_path / "a_%d.png")


def test_numbers_of_a_clock_say_the_order(tmp_path: Path) -> None:
    numbers = [1769900000000, 1769900000040, 1769900000041]
    for index, number in enumerate(numbers):
        Image.fromarray(picture(index)).save(tmp_path / f"{number}.png")
    job, events = stub_job(tmp_path / "%d.png", {"alpha": tmp_path / "o_%d.png"})
    job.start()
    report = job.result()
    assert report.frames == 3 and report.damage is None
    assert any("too large to count" in text for text in notices(events))
    assert sorted(path.name for path in tmp_path.glob("o_*")) == [f"o_{number}.png" for number in numbers]


def test_pictures_get_the_folder_that_they_ask_for(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a_0.png")
    job, _ = stub_job(tmp_path / "a_%d.png", {"alpha": tmp_path / "new" / "o_%d.png"})
    job.start()
    job.result()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["o_0.png"]
    job, _ = stub_job(tmp_path / "a_%d.png", {"alpha": tmp_path / "no" / "such" / "o_%d.png"})
    job.start()
    with pytest.raises(Exception, match="does not exist"):
        job.result()
