"""Pictures as the bytes of their files, with what is kept of the files that they were made of."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from birefnet_video.colour.convert import plane_array
from birefnet_video.colour.transfer import SRGB, light_table
from birefnet_video.errors import OutputRefused, first_line
from birefnet_video.pictures.metadata import PNG_XMP, for_size, ifds_of
from birefnet_video.pictures.picture import Kept, in_8_bits

_INCH_M = 0.0254
_JPEG_QUALITY = 95
#: Compression of PNG and TIFF by deflate: more takes several times as long for a few per cent.
_DEFLATE = 1
#: Each line of a PNG as what it has more than the one above: of photographs this is fastest and smallest at that level.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, _DEFLATE),
    *((cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP) if hasattr(cv2, "IMWRITE_PNG_FILTER") else ()),
)
_TIFF_HEADER = b"II*\0\x08\0\0\0"
_BIG_TIFF_HEADER = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"
_TIFF_DEFLATE, _TIFF_HORIZONTAL, _TIFF_STRAIGHT = 8, 2, 2
_TIFF_TYPES = {700: 1, 34675: 7}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that is ready to be written."""

    samples: np.ndarray
    """uint8 or uint16: grey (H, W), RGB (H, W, 3) or straight RGBA (H, W, 4)."""
    kept: Kept
    light: np.ndarray | None = None
    """Linear light of the RGB, float32 (H, W, 3); ``None``: as sRGB says."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.samples.shape[1], self.samples.shape[0]


def encode(pages: Sequence[Drawn], form: str, name: str) -> bytes:
    """A file.

    Args:
        pages: one, but for ``tiff``, which may have several.
        form: ``png``, ``webp``, ``tiff``, ``jpg`` or ``exr``.
        name: of the file, for messages.

    Raises:
        OutputRefused: if the format cannot hold them.
    """
    if form == "tiff":
        return _tiff(pages)
    if len(pages) > 1:
        raise OutputRefused(
            f"{name}: the picture has {len(pages)} pages, of which this format holds one", hint="use .tiff"
        )
    try:
        return _ENCODERS[form](pages[0])
    except (cv2.error, av.error.FFmpegError, ValueError, OSError) as error:
        width, height = pages[0].size
        raise OutputRefused(f"{name}: {width}x{height} cannot be written as {form}: {first_line(error)}") from None


def _png(drawn: Drawn) -> bytes:
    samples, kept = drawn.samples, drawn.kept
    if samples.ndim == 3:
        samples = cv2.cvtColor(samples, cv2.COLOR_RGBA2BGRA if samples.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", samples, _PNG_OPTIONS)
    if not done:
        raise ValueError("the encoder refuses it")
    data = encoded.tobytes()
    chunks = png_chunks(kept, drawn.size, has_colours=drawn.samples.ndim == 3)
    # Behind the header, which is the first chunk.
    return data[:33] + b"".join(png_chunk(*each) for each in chunks) + data[33:]


def png_chunks(kept: Kept, size: tuple[int, int], *, has_colours: bool) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of the chunks that say what is kept of a picture's file.

    Args:
        kept: of it.
        size: width and height of the PNG.
        has_colours: it is not grey.
    """
    chunks = list(kept.chunks) if has_colours else [each for each in kept.chunks if each[0][1:] in (b"EXt", b"TXt")]
    if kept.icc is not None and has_colours:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(kept.icc)))
    if kept.dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / _INCH_M) for value in kept.dpi), 1)))
    if (exif := for_size(kept.exif, *size)) is not None:
        chunks.append((b"eXIf", exif))
    if kept.xmp is not None:
        chunks.append((b"iTXt", PNG_XMP + kept.xmp))
    return chunks


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG (ISO/IEC 15948, section 5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _webp(drawn: Drawn) -> bytes:
    # Colours below clear pixels stay as they are in the other formats, too.
    return _by_pillow(drawn, "WEBP", lossless=True, exact=True, quality=50, method=2)


def _jpeg(drawn: Drawn) -> bytes:
    dpi = {} if drawn.kept.dpi is None else {"dpi": tuple(round(value) for value in drawn.kept.dpi)}
    return _by_pillow(drawn, "JPEG", quality=_JPEG_QUALITY, subsampling=0, **dpi)


def _by_pillow(drawn: Drawn, form: str, **options: object) -> bytes:
    samples, kept = in_8_bits(drawn.samples), drawn.kept
    exif = for_size(kept.exif, *drawn.size)
    more = {
        "icc_profile": kept.icc if samples.ndim == 3 else None,
        "exif": b"Exif\0\0" + exif if exif is not None else None,
        "xmp": kept.xmp,
    }
    file = io.BytesIO()
    Image.fromarray(samples).save(file, form, **options, **{name: each for name, each in more.items() if each})
    return file.getvalue()


def _tiff(pages: Sequence[Drawn]) -> bytes:
    """Deflated, one strip a page: Pillow writes no colours of 16 bits, OpenCV nothing beside the pixels."""
    out, link = bytearray(_TIFF_HEADER), 4
    for page in pages:
        if len(out) % 2:
            out += b"\0"
        struct.pack_into("<I", out, link, len(out))
        strip = _tiff_strip(page.samples)
        begin = len(out)
        if begin + len(strip) > 2**32 - 2**20:
            raise OutputRefused("a TIFF holds 4 GB", hint="write pages as single pictures")
        directory = _tiff_directory(page, len(strip))
        out += directory.tobytes(begin) + strip
        link = begin + 2 + 12 * len(directory)
    return bytes(out)


def _tiff_strip(samples: np.ndarray) -> bytes:
    """With the predictor: what a sample has more than its neighbour to the left."""
    steps = samples.copy()
    steps[:, 1:] = samples[:, 1:] - samples[:, :-1]
    return zlib.compress(steps.astype(samples.dtype.newbyteorder("<")).tobytes(), _DEFLATE)


def _tiff_directory(page: Drawn, strip_bytes: int) -> ImageFileDirectory_v2:
    samples = page.samples
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    directory = tiff_directory(page.kept, page.size, samples.dtype, channels)
    directory[278], directory[279] = samples.shape[0], strip_bytes
    directory.tagtype[273] = 4
    directory[273] = 0
    return directory


def tiff_directory(
    kept: Kept, size: tuple[int, int], dtype: np.dtype, channels: int, *, is_big: bool = False
) -> ImageFileDirectory_v2:
    """All tags of a deflated page but for those that say where its strips lie (TIFF 6.0, section 8).

    Args:
        kept: of the picture's file.
        size: width and height.
        dtype: of samples, uint8 or uint16.
        channels: 1: grey, 3: RGB, 4: straight RGBA.
        is_big: of a BigTIFF.
    """
    directory = ImageFileDirectory_v2(ifh=_BIG_TIFF_HEADER if is_big else _TIFF_HEADER)
    tags: dict[int, object] = {
        **ifds_of(for_size(kept.exif, *size)),
        256: size[0],
        257: size[1],
        258: (8 * dtype.itemsize,) * channels,
        259: _TIFF_DEFLATE,
        262: 1 if channels == 1 else 2,
        274: 1,
        277: channels,
        284: 1,
        317: _TIFF_HORIZONTAL,
    }
    if channels == 4:
        tags[338] = _TIFF_STRAIGHT
    if kept.dpi is not None:
        tags |= {282: kept.dpi[0], 283: kept.dpi[1], 296: 2}
    if kept.icc is not None and channels > 1:
        tags[34675] = kept.icc
    if kept.xmp is not None:
        tags[700] = kept.xmp
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype.update({tag: kind for tag, kind in _TIFF_TYPES.items() if tag in directory})
    return directory


def _exr(drawn: Drawn) -> bytes:
    samples = drawn.samples
    height, width = samples.shape[:2]
    deep = samples if samples.itemsize == 2 else samples.astype(np.uint16) * 257
    form = {1: "grayf32le", 3: "gbrpf32le", 4: "gbrapf32le"}[1 if samples.ndim == 2 else samples.shape[2]]
    frame = av.VideoFrame(width, height, form)
    if samples.ndim == 2:
        plane_array(frame, 0)[:] = deep.astype(np.float32) / np.float32(65535)
    else:
        light = drawn.light if drawn.light is not None else light_table(SRGB)[deep[..., :3]]
        if samples.shape[2] == 4:
            # By its specification, and as it is read.
            light = light * (deep[..., 3:].astype(np.float32) / np.float32(65535))
        for index, channel in enumerate((1, 2, 0)):
            plane_array(frame, index)[:] = light[..., channel]
        if samples.shape[2] == 4:
            plane_array(frame, 3)[:] = deep[..., 3].astype(np.float32) / np.float32(65535)
    context = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt = width, height, form  # type: ignore[attr-defined]
    context.time_base = Fraction(1)
    context.options = {"compression": "zip16", "format": "half"}
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))  # type: ignore[attr-defined]


_ENCODERS = {"png": _png, "webp": _webp, "jpg": _jpeg, "exr": _exr}
