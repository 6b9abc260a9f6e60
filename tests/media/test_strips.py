"""Files that are written strip by strip, and where on Earth pictures lie."""

import io

import numpy as np
import pytest
from PIL import Image

from birefnet_video.pictures import strips
from birefnet_video.pictures.geo import moved
from birefnet_video.pictures.metadata import read_exif
from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.reading import read_pictures
from birefnet_video.pictures.strips import WRITERS

#: Scale, tie point, keys, names and the value that means none, as of a GeoTIFF.
GEO = {
    33550: (0.5, 0.5, 0.0),
    33922: (0.0, 0.0, 0.0, 500_000.25, 4_500_000.75, 0.0),
    34735: (1, 1, 0, 1, 1024, 0, 1, 1),
    34737: "WGS 84|",
    42112: "<GDALMetadata></GDALMetadata>",
    42113: "0",
}


def geo(**more: object) -> Kept:
    exif = Image.Exif()
    for tag, value in {**GEO, **{int(name[1:]): each for name, each in more.items()}}.items():
        exif[tag] = value
    return Kept(exif=exif.tobytes()[6:])


def written(form: str, samples: np.ndarray, lines: int, kept: Kept = Kept()) -> bytes:  # noqa: B008
    file = io.BytesIO()
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    writer = WRITERS[form](file, (samples.shape[1], samples.shape[0]), samples.dtype, channels, kept)
    for top in range(0, len(samples), lines):
        writer.add(samples[top : top + lines])
    writer.finish()
    return file.getvalue()


@pytest.mark.parametrize("lines", [16, 200])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("form", ["png", "tiff", "bigtiff"])
def test_strips_are_read_again(
    form: str, dtype: type, channels: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "bigtiff":
        monkeypatch.setattr(strips, "_BIG_FROM", 0)
    samples = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (101, 77, channels)).astype(dtype)
    data = written(form.removeprefix("big"), samples, lines)
    assert data[2:3] == {"png": b"N", "tiff": b"*", "bigtiff": b"+"}[form]
    (read,) = read_pictures(data, "strips")
    np.testing.assert_array_equal(read.rgb, samples[..., :3])
    if channels == 4:
        assert read.alpha is not None
        np.testing.assert_allclose(read.alpha, samples[..., 3] / np.iinfo(dtype).max, atol=1e-6)


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_grey_strips(form: str) -> None:
    samples = np.random.default_rng(2).integers(0, 256, (50, 31)).astype(np.uint8)
    with Image.open(io.BytesIO(written(form, samples, 7))) as read:
        np.testing.assert_array_equal(np.asarray(read), samples)


@pytest.mark.parametrize("big_from", [0, 2**32])
def test_a_geotiff_stays_one(big_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "_BIG_FROM", big_from)
    data = written("tiff", np.zeros((40, 30, 3), np.uint8), 16, geo())
    with Image.open(io.BytesIO(data)) as read:
        assert {tag: read.tag_v2[tag] for tag in GEO} == GEO  # type: ignore[attr-defined]
        assert read.tag_v2.tagtype[33922] == 12 and read.tag_v2.tagtype[34735] == 3  # type: ignore[attr-defined]


def test_places_move_with_a_part() -> None:
    """A pixel has the same place in the part and in the whole."""
    matrix = (0.5, 0.1, 0.0, 1000.0, 0.2, -0.5, 0.0, 2000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tags = read_exif(moved(geo(t34264=matrix), 10, 4).exif or b"")
    assert tags[33922][:3] == (-4.0, -10.0, 0.0) and tags[33922][3:] == GEO[33922][3:]
    assert tags[34264][3] == pytest.approx(1000 + 0.5 * 4 + 0.1 * 10)
    assert tags[34264][7] == pytest.approx(2000 + 0.2 * 4 - 0.5 * 10)
    plain = Kept(exif=None)
    assert moved(plain, 3, 3) is plain and moved(geo(), 0, 0) == geo()
