"""Pictures as files."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from birefnet_video.pictures.files import PictureError, read_matte, read_rgb, read_rgba
from birefnet_video.pictures.reading import read_pictures

RNG = np.random.default_rng(3)
#: Blocks, because JPEG keeps those.
PIXELS = np.kron(RNG.integers(0, 256, (6, 9, 4), np.uint8), np.ones((8, 8, 1), np.uint8))


def stored(mode: str, form: str, **options: object) -> bytes:
    """The same picture in a mode of Pillow's and a format."""
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode).save(file, form, **options)
    return file.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def deep() -> bytes:
    done, data = cv2.imencode(".png", PIXELS[..., :3].astype(np.uint16) * 251)
    assert done
    return data.tobytes()


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (stored("RGB", "PNG"), "png"),
        (stored("RGBA", "PNG"), "png"),
        (stored("L", "PNG"), "png"),
        (stored("LA", "PNG"), "png"),
        (stored("P", "PNG", transparency=3), "png"),
        (deep(), "png"),
        (stored("RGB", "JPEG", quality=95), "jpg"),
        (stored("CMYK", "JPEG", quality=95), "jpg"),
        (stored("RGBA", "WEBP", lossless=True), "webp"),
        (stored("RGB", "TIFF", compression="tiff_lzw"), "tif"),
        (stored("RGB", "BMP"), "bmp"),
        *((stored("RGB", "JPEG", exif=turned(number)), "jpg") for number in range(1, 9)),
        (stored("RGB", "PNG", exif=turned(6)), "png"),
        (stored("RGB", "TIFF", exif=turned(6)), "tif"),
    ],
)
def test_sets_are_read_as_still_pictures_are(data: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data)
    found = read_rgb(path)
    (meant,) = read_pictures(data, "a")
    assert found.dtype == np.uint8 and found.flags.c_contiguous and found.flags.writeable
    top = np.iinfo(meant.rgb.dtype).max
    assert np.array_equal(found, np.floor(meant.rgb * (255 / top) + 0.5).astype(np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_its_matte_and_its_cut_out_are_turned_alike(orientation: int, tmp_path: Path) -> None:
    exif = turned(orientation)
    for name, mode in (("rgb", "RGB"), ("matte", "L"), ("rgba", "RGBA")):
        (tmp_path / f"{name}.png").write_bytes(stored(mode, "PNG", exif=exif))
    rgb, matte, rgba = (read(tmp_path / f"{read.__name__[5:]}.png") for read in (read_rgb, read_matte, read_rgba))
    assert rgb.shape[:2] == matte.shape == rgba.shape[:2] == ((48, 72) if orientation < 5 else (72, 48))
    assert np.array_equal(rgba[..., :3], rgb)
    assert np.array_equal(matte, np.asarray(Image.fromarray(rgb).convert("L")))


def test_half_of_a_photograph_is_refused(tmp_path: Path) -> None:
    data = stored("RGB", "JPEG")
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"half\.jpg: is damaged"):
        read_rgb(tmp_path / "half.jpg")


def test_a_damaged_picture_is_one_error_and_no_other_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "half.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(PictureError, match=r"half\.png"):
        read_rgb(path)
    assert capfd.readouterr() == ("", "")
