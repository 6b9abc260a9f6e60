"""Still pictures through reading, drawing and writing: other libraries judge what comes out."""

import io
import struct
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from birefnet_video.errors import BackendUnavailable, NotAPicture, OutputRefused, UsageError
from birefnet_video.limits import Limits
from birefnet_video.matting.composite.pictures import Drawing, box_of_subject, cropped
from birefnet_video.options.backgrounds import Blur, PictureFile, SolidColour, VideoFile
from birefnet_video.options.matte import ColourSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.pictures import Margin, parse_margin
from birefnet_video.pictures.formats import format_of
from birefnet_video.pictures.picture import Picture
from birefnet_video.pictures.reading import read_pictures
from birefnet_video.pictures.writing import Drawn, encode

HEIGHT, WIDTH = 40, 56
RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
GREY = RNG.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6" dc:title="A title"/></x:xmpmeta>'
ORIENTATION, MAKE, EXIF_IFD, LENS, GPS_IFD = 0x112, 0x10F, 0x8769, 0xA434, 0x8825


def wide_profile() -> bytes:
    """A profile of RGB that is not sRGB: red and blue have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    return bytes(profile)


PROFILE = wide_profile()


def matte() -> np.ndarray:
    """Clear on the left, opaque on the right, soft between."""
    ramp = np.clip((np.arange(WIDTH, dtype=np.float32) - 20) / 10, 0, 1)
    return np.tile(ramp, (HEIGHT, 1))


OPAQUE = matte() == 1


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKE] = orientation, "Camera"
    tags.get_ifd(EXIF_IFD).update({LENS: "A lens", 0xA002: WIDTH, 0xA003: HEIGHT})
    tags.get_ifd(GPS_IFD).update({1: "N", 2: (48.0, 8.0, 15.5)})
    return tags


def by_pillow(form: str, pixels: np.ndarray = RGB, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def by_opencv(suffix: str, pixels: np.ndarray) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    shown = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, order[pixels.shape[2]])
    return bytes(cv2.imencode(suffix, shown)[1].tobytes())


def by_ffmpeg(codec: str, pixel_format: str, frame: av.VideoFrame) -> bytes:
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = WIDTH, HEIGHT, pixel_format, 1
    return b"".join(bytes(each) for each in (*context.encode(frame), *context.encode(None)))


def only(data: bytes, name: str = "a", **options: object) -> Picture:
    (picture,) = read_pictures(data, name, **options)  # type: ignore[arg-type]
    return picture


def cut_out(data: bytes, form: str = "png", kind: str = "alpha", **colour: object) -> bytes:
    pages = read_pictures(data, "a")
    output = OutputSpec(kind, Path("a"))  # type: ignore[arg-type]
    drawing = Drawing(ColourSpec(**colour))  # type: ignore[arg-type]
    height, width = pages[0].rgb.shape[:2]
    alpha = matte() if (height, width) == (HEIGHT, WIDTH) else np.ones((height, width), np.float32)
    return encode([drawing.draw((output,), page, alpha)[0] for page in pages], form, "a")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def deep(data: bytes) -> np.ndarray:
    """RGB or RGBA of 16 bits, as OpenCV reads it."""
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert samples is not None and samples.dtype == np.uint16
    return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]


LOSSLESS: dict[str, Callable[[], bytes]] = {
    "png": lambda: by_pillow("PNG"),
    "webp": lambda: by_pillow("WEBP", lossless=True),
    "tiff": lambda: by_pillow("TIFF"),
    "tiff lzw": lambda: by_pillow("TIFF", compression="tiff_lzw"),
    "bmp": lambda: by_pillow("BMP"),
    "dpx": lambda: by_ffmpeg("dpx", "rgb24", av.VideoFrame.from_ndarray(RGB, "rgb24")),
}


@pytest.mark.parametrize("source", LOSSLESS)
@pytest.mark.parametrize("form", ["png", "webp", "tiff"])
def test_opaque_parts_are_the_source_bit_by_bit(source: str, form: str) -> None:
    data = LOSSLESS[source]()
    # DPX is read as 16 bits, and 8 bits of it come out as they were.
    made = np.asarray(opened(cut_out(data, form)))
    assert made.shape == (HEIGHT, WIDTH, 4)
    assert np.array_equal(made[OPAQUE][:, :3], RGB[OPAQUE])
    assert (made[..., 3][OPAQUE] == 255).all() and (made[:, :20, 3] == 0).all()


@pytest.mark.parametrize("kind", ["composite", "foreground"])
def test_opaque_parts_of_other_outputs_are_the_source_too(kind: str) -> None:
    made = np.asarray(opened(cut_out(LOSSLESS["png"](), "png", kind)))
    assert made.shape == (HEIGHT, WIDTH, 3) and np.array_equal(made[OPAQUE], RGB[OPAQUE])
    if kind == "composite":
        assert (made[:, :20] == SolidColour().rgb).all()


@pytest.mark.parametrize("source", [".png", ".tiff"])
@pytest.mark.parametrize("form", ["png", "tiff"])
def test_16_bits_stay_16_bits(source: str, form: str) -> None:
    made = deep(cut_out(by_opencv(source, DEEP), form))
    assert made.shape == (HEIGHT, WIDTH, 4)
    assert np.array_equal(made[OPAQUE][:, :3], DEEP[OPAQUE])
    assert np.array_equal(made[..., 3], (matte() * np.float32(65535) + np.float32(0.5)).astype(np.uint16))


@pytest.mark.parametrize("source", [".png", ".tiff"])
def test_grey_of_16_bits_becomes_rgb_of_16_bits(source: str) -> None:
    made = deep(cut_out(by_opencv(source, DEEP[..., 0])))
    assert np.array_equal(made[OPAQUE][:, :3], np.repeat(DEEP[OPAQUE][:, :1], 3, axis=1))


def test_10_bits_of_dpx_are_all_kept() -> None:
    values = np.arange(1024, dtype=np.uint16)
    ramp = np.resize(values, (3, HEIGHT, WIDTH))
    frame = av.VideoFrame(WIDTH, HEIGHT, "gbrp10be")
    for plane, samples in zip(frame.planes, ramp, strict=True):
        rows = np.frombuffer(memoryview(plane), ">u2").reshape(HEIGHT, -1)
        rows[:, :WIDTH] = samples
    read = only(by_ffmpeg("dpx", "gbrp10be", frame))
    assert read.rgb.dtype == np.uint16
    # The planes are green, blue and red.
    assert all(np.array_equal(read.rgb[..., at] >> 6, ramp[plane]) for at, plane in ((1, 0), (2, 1), (0, 2)))


def exr(light: np.ndarray, alpha: np.ndarray | None = None) -> bytes:
    form = "gbrpf32le" if alpha is None else "gbrapf32le"
    frame = av.VideoFrame(WIDTH, HEIGHT, form)
    planes = [light[..., 1], light[..., 2], light[..., 0], *([] if alpha is None else [alpha])]
    for plane, samples in zip(frame.planes, planes, strict=True):
        np.frombuffer(memoryview(plane), "<f4").reshape(HEIGHT, -1)[:, :WIDTH] = samples
    return by_ffmpeg("exr", form, frame)


def test_light_of_exr_comes_out_as_it_went_in_even_above_white() -> None:
    # What is written is half float.
    light = (RNG.random((HEIGHT, WIDTH, 3), np.float32) * 4).astype(np.float16).astype(np.float32)
    made = only(cut_out(exr(light), "exr"))
    assert made.light is not None and made.alpha is not None
    assert np.array_equal(made.light[OPAQUE], light[OPAQUE])
    # Written multiplied by alpha and read divided by it: soft edges keep their colour, too.
    soft = ~OPAQUE & (made.alpha > 0.01)
    kept = only(cut_out(exr(light), "exr", decontaminate="off"))
    assert soft.any() and kept.light is not None
    assert np.abs(kept.light[soft] / light[soft].clip(1e-3) - 1)[light[soft] > 1e-2].max() < 3e-3
    assert kept.alpha is not None and (kept.light[kept.alpha == 0] == 0).all()
    shown = np.asarray(opened(cut_out(exr(np.full((HEIGHT, WIDTH, 3), 0.2158605, np.float32)), "webp")))
    assert (shown[OPAQUE][:, :3] == 128).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_pictures_are_turned_and_say_no_longer_that_they_have_to_be(form: str, orientation: int) -> None:
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(form, {})
    smooth = np.asarray(Image.fromarray(RGB[:4, :6]).resize((WIDTH, HEIGHT)))
    data = by_pillow(form, smooth, exif=exif(orientation), **options)
    meant = np.asarray(ImageOps.exif_transpose(opened(data)).convert("RGB"))
    for written in ("png", "tiff", "webp"):
        made = opened(cut_out(data, written, "foreground", decontaminate="off"))
        assert made.size == meant.shape[1::-1]
        assert made.getexif().get(ORIENTATION, 1) == 1
    assert np.array_equal(only(data).rgb, meant)


@pytest.mark.parametrize("source", [".png", ".tiff"])
def test_deep_pictures_are_turned_too(source: str) -> None:
    data = by_opencv(source, DEEP)
    if source == ".png":
        data = data[:33] + chunk(b"eXIf", exif(6).tobytes()[6:]) + data[33:]
        assert np.array_equal(only(data).rgb, np.rot90(DEEP, 3))
    else:
        data = encode([Drawn(DEEP, only(by_pillow("TIFF")).kept)], "tiff", "a")
        at = data.index(struct.pack("<HHII", ORIENTATION, 3, 1, 1))
        data = data[: at + 8] + struct.pack("<I", 6) + data[at + 12 :]
        assert np.array_equal(only(data).rgb, np.rot90(DEEP, 3))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


#: What each format carries: profile, resolution, EXIF, XMP.
TABLE = {
    "PNG": ("png", "webp", "tiff", "jpg"),
    "JPEG": ("png", "webp", "tiff", "jpg"),
    "TIFF": ("png", "webp", "tiff", "jpg"),
    "WEBP": ("png", "webp", "tiff", "jpg"),
    "AVIF": ("png", "webp", "tiff", "jpg"),
}


@pytest.mark.parametrize(("source", "form"), [(source, form) for source, forms in TABLE.items() for form in forms])
def test_what_a_picture_says_beside_its_pixels_is_kept(source: str, form: str) -> None:
    has_dpi = source in ("PNG", "JPEG", "TIFF")
    options: dict[str, object] = {"dpi": (300, 300)} if has_dpi else {}
    if source == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700], tags.tagtype[700], tags[MAKE] = XMP, 1, "Camera"
        options |= {"tiffinfo": tags}
    else:
        options |= {"xmp": XMP} if source != "PNG" else {}
    data = by_pillow(source, icc_profile=PROFILE, exif=exif(), **options)
    if source == "PNG":
        data = data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + data[33:]
    made = opened(cut_out(data, form, "composite" if form == "jpg" else "alpha"))
    assert made.info["icc_profile"] == PROFILE
    tags = made.getexif()
    if source != "TIFF":
        # Pillow writes no such directories into TIFF.
        assert tags.get_ifd(EXIF_IFD)[LENS] == "A lens"
        assert [float(part) for part in tags.get_ifd(GPS_IFD)[2]] == [48, 8, 15.5]
    assert tags[MAKE] == "Camera" and tags.get(ORIENTATION, 1) == 1
    if has_dpi and form != "webp":
        assert made.info["dpi"] == pytest.approx((300, 300), abs=0.02)
    assert made.info["xmp"].strip(b"\0") == XMP.replace(b'"6"', b'"1"')


def test_texts_and_gamma_of_a_png_are_kept_in_a_png() -> None:
    data = by_pillow("PNG")
    data = data[:33] + chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tEXt", b"Title\0A title") + data[33:]
    made = opened(cut_out(data))
    assert made.info["gamma"] == 1.0 and made.text == {"Title": "A title"}  # type: ignore[attr-defined]


def test_masks_of_a_picture_with_a_profile_have_none() -> None:
    for form in ("png", "tiff", "webp", "jpg"):
        made = opened(cut_out(by_pillow("PNG", icc_profile=PROFILE), form, "mask"))
        assert "icc_profile" not in made.info
        assert made.convert("L").getpixel((WIDTH - 1, 0)) in (254, 255)


def test_sizes_in_exif_are_those_of_the_picture() -> None:
    (page,) = read_pictures(by_pillow("JPEG", exif=exif()), "a")
    (drawn,) = Drawing(ColourSpec()).draw((OutputSpec("alpha", Path("a")),), page, matte())
    box = box_of_subject(matte(), Margin(2))
    assert box == (slice(0, HEIGHT), slice(19, WIDTH))
    made = opened(encode([cropped(drawn, box)], "png", "a"))
    inner = made.getexif().get_ifd(EXIF_IFD)
    assert made.size == (inner[0xA002], inner[0xA003]) == (WIDTH - 19, HEIGHT)


def test_the_network_sees_what_a_profile_means() -> None:
    from birefnet_video.pictures.profiles import as_srgb, from_srgb

    red = np.full((2, 2, 3), (255, 0, 0), np.uint8)
    assert np.abs(as_srgb(red, PROFILE)[0, 0].astype(int) - (0, 0, 255)).max() <= 3
    assert np.array_equal(as_srgb(red, None), red) and np.array_equal(as_srgb(red, b"no profile"), red)
    assert np.abs(from_srgb(as_srgb(RGB, PROFILE), PROFILE).astype(int) - RGB).mean() < 3


def test_pictures_of_inks_become_srgb_and_say_so() -> None:
    file = io.BytesIO()
    Image.fromarray(RGB).convert("CMYK").save(file, "JPEG", quality=100, subsampling=0)
    (picture,) = read_pictures(file.getvalue(), "a")
    assert picture.notes == ("CMYK: made sRGB",) and picture.kept.icc is None
    assert np.abs(picture.rgb.astype(int) - RGB).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_all_modes_of_png_are_read(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(DEEP[..., 0])
    else:
        image = Image.fromarray(np.dstack((RGB, GREY))).convert("RGB" if mode == "P" else "RGBA")
        image = image.convert("LA").convert("L").convert(mode) if mode in ("1", "L") else image.convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG")
    picture = only(file.getvalue())
    assert picture.rgb.shape == (HEIGHT, WIDTH, 3)
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA"))
    if mode == "RGBA":
        assert np.array_equal(picture.alpha, GREY.astype(np.float32) / np.float32(255))
        assert np.array_equal(picture.rgb, RGB)


def test_alpha_of_16_bits_is_read() -> None:
    for suffix in (".png", ".tiff"):
        picture = only(by_opencv(suffix, np.dstack((DEEP, DEEP[..., 0]))))
        assert np.array_equal(picture.rgb, DEEP)
        assert np.array_equal(picture.alpha, DEEP[..., 0].astype(np.float32) / np.float32(65535))


@pytest.mark.parametrize("deep_pages", [False, True])
def test_each_page_of_a_tiff_becomes_a_page(deep_pages: bool) -> None:
    pages = [np.roll(DEEP if deep_pages else RGB, step, axis=0) for step in range(3)]
    if deep_pages:
        data = bytes(cv2.imencodemulti(".tiff", [page[..., ::-1] for page in pages])[1].tobytes())
    else:
        data = by_pillow("TIFF", pages[0], save_all=True, append_images=[Image.fromarray(page) for page in pages[1:]])
    assert all(np.array_equal(read.rgb, page) for read, page in zip(read_pictures(data, "a"), pages, strict=True))
    made = cut_out(data, "tiff")
    assert opened(made).n_frames == 3  # type: ignore[attr-defined]
    again = read_pictures(made, "a")
    assert all(np.array_equal(each.rgb[OPAQUE], page[OPAQUE]) for each, page in zip(again, pages, strict=True))
    with pytest.raises(OutputRefused, match=r"3 pages.*use \.tiff"):
        cut_out(data, "png")


def test_a_tiff_that_is_written_is_read_by_ffmpeg_and_opencv() -> None:
    for pixels in (RGB, DEEP):
        data = cut_out(by_opencv(".png", pixels), "tiff")
        assert np.array_equal(only(data).rgb[OPAQUE], pixels[OPAQUE])
        with av.open(io.BytesIO(data), format="tiff_pipe") as container:
            frame = next(container.decode(video=0))
        assert frame.format.name == ("rgba" if pixels is RGB else "rgba64le")
        assert np.array_equal(frame.to_ndarray()[OPAQUE][:, :3], pixels[OPAQUE])


def test_heic_is_read_where_the_library_is_there_and_named_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        smooth = np.asarray(Image.fromarray(RGB[:4, :6]).resize((64, 64)))
        data = by_pillow("HEIF", smooth, quality=100, exif=exif())
        assert np.abs(only(data).rgb.astype(int) - smooth).mean() < 6 and only(data).kept.exif is not None
    monkeypatch.setattr("birefnet_video.pictures.reading.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"b\.heic: HEIC needs .*birefnet-video\[heic\]"):
        read_pictures(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "b.heic")


def bomb() -> bytes:
    """A PNG of 40000 x 40000 pixels in few bytes."""
    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "b: the file is empty"),
        (b"\0" * 500, "b: is no picture"),
        (b"This is text.\n" * 40, "b: is no picture"),
        (by_pillow("JPEG")[:900], "b: is damaged"),
        (by_pillow("PNG")[:900], "b: is damaged"),
        (by_opencv(".png", DEEP)[:900], "b: is damaged"),
        (by_pillow("WEBP", lossless=True)[:900], "b: is"),
        (by_pillow("TIFF")[:900], "b: is"),
        (by_opencv(".tiff", DEEP)[:900], "b: is"),
        (by_pillow("BMP")[:900], "b: is"),
        (by_pillow("AVIF")[:900], "b: is"),
        (exr(DEEP.astype(np.float32) / 65535)[:900], "b: is damaged"),
        (LOSSLESS["dpx"]()[:900], "b: cannot be decoded"),
        (bomb(), "b: is too large: 40000x40000.*--max-pixels"),
        (by_pillow("PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]), "animation of 2"),
        (by_pillow("TIFF", RNG.random((HEIGHT, WIDTH)).astype(np.float32)), "floating point"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_whole_picture_is_one_line(data: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotAPicture, match=words) as caught:
        read_pictures(data, "b")
    assert "\n" not in str(caught.value) and caught.value.exit_code == 65
    assert capfd.readouterr() == ("", "")


def test_pixels_of_all_pages_count_together() -> None:
    data = by_pillow("TIFF", save_all=True, append_images=[Image.fromarray(RGB)] * 3)
    assert len(read_pictures(data, "a", Limits(4 * HEIGHT * WIDTH))) == 4
    with pytest.raises(NotAPicture, match="on 4 pages"):
        read_pictures(data, "a", Limits(4 * HEIGHT * WIDTH - 1))


def test_soft_edges_lose_the_old_background_and_nothing_else_changes() -> None:
    """A red subject before blue: where it is half there it is red."""
    alpha = matte()[..., None]
    mixed = (np.array((220, 30, 30)) * alpha + np.array((20, 20, 220)) * (1 - alpha) + 0.5).astype(np.uint8)
    freed = np.asarray(opened(cut_out(by_pillow("PNG", mixed))))
    left = np.asarray(opened(cut_out(by_pillow("PNG", mixed), decontaminate="off")))
    soft = np.abs(matte() - 0.5) < 0.3
    assert np.array_equal(left[..., :3], mixed)
    assert np.array_equal(freed[..., 3], left[..., 3])
    errors = [np.abs(made[soft][:, :3].astype(int) - (220, 30, 30)).mean() for made in (freed, left)]
    assert errors[0] < 0.75 * errors[1]


@pytest.mark.parametrize("pixels", [RGB, DEEP], ids=["8 bits", "16 bits"])
def test_composites_are_what_the_formula_says(pixels: np.ndarray, tmp_path: Path) -> None:
    page = only(by_opencv(".png", pixels))
    top = np.iinfo(pixels.dtype).max
    Image.fromarray(RGB[::2, ::2]).save(tmp_path / "b.png")
    outputs = tuple(
        OutputSpec("composite", Path("a"), behind)
        for behind in (SolidColour((255, 128, 0)), Blur(40), PictureFile(tmp_path / "b.png"))
    )
    plain, blurred, picture = Drawing(ColourSpec(decontaminate="off")).draw(outputs, page, matte())
    share = matte().astype(np.float64)[..., None]
    exact = pixels * share + np.array((255, 128, 0)) * (top // 255) * (1 - share)
    assert np.abs(plain.samples - exact).max() <= 0.51
    for each in (plain, blurred, picture):
        assert each.samples.dtype == pixels.dtype and np.array_equal(each.samples[OPAQUE], pixels[OPAQUE])
    with pytest.raises(UsageError, match="a video does not lie behind"):
        Drawing(ColourSpec()).check(VideoFile(Path("a.mp4")))


def test_a_background_is_in_the_colours_of_the_picture() -> None:
    page = only(by_pillow("PNG", icc_profile=PROFILE))
    output = OutputSpec("composite", Path("a"), SolidColour((255, 0, 0)))
    (drawn,) = Drawing(ColourSpec()).draw((output,), page, np.zeros((HEIGHT, WIDTH), np.float32))
    shown = ImageCms.profileToProfile(
        Image.fromarray(drawn.samples), io.BytesIO(PROFILE), ImageCms.createProfile("sRGB")
    )
    assert np.abs(np.asarray(shown)[0, 0].astype(int) - (255, 0, 0)).max() <= 3


def test_margins_are_pixels_or_shares_of_the_subject() -> None:
    alpha = np.zeros((100, 200), np.float32)
    alpha[40:60, 50:150] = 1
    assert box_of_subject(alpha, parse_margin("0")) == (slice(40, 60), slice(50, 150))
    assert box_of_subject(alpha, parse_margin("7")) == (slice(33, 67), slice(43, 157))
    assert box_of_subject(alpha, parse_margin("5%")) == (slice(35, 65), slice(45, 155))
    assert box_of_subject(alpha, parse_margin(1000)) == (slice(0, 100), slice(0, 200))
    assert box_of_subject(np.zeros((4, 4), np.float32), parse_margin(3)) is None
    assert [str(parse_margin(text)) for text in ("3", "2.5%")] == ["3", "2.5%"]
    for wrong in ("-3", "x", "3.5", "%"):
        with pytest.raises(UsageError, match="--trim"):
            parse_margin(wrong)


def test_formats_follow_from_names() -> None:
    assert [format_of("alpha", Path(f"a{end}")) for end in (".png", ".WEBP", ".tif", ".tiff", ".exr")] == [
        "png",
        "webp",
        "tiff",
        "tiff",
        "exr",
    ]
    assert format_of("mask", Path("a.jpg")) == "jpg"
    with pytest.raises(OutputRefused, match=r"\.jpg has no alpha.*use \.png.*--composite writes \.jpg"):
        format_of("alpha", Path("a.jpg"))
    with pytest.raises(OutputRefused, match="is no name of a picture"):
        format_of("mask", Path("a.mov"))


def test_sides_that_a_format_cannot_hold_are_refused() -> None:
    long = Drawn(np.zeros((1, 20000, 3), np.uint8), only(by_pillow("PNG")).kept)
    with pytest.raises(OutputRefused, match="20000x1 cannot be written as webp"):
        encode([long], "webp", "a.webp")
