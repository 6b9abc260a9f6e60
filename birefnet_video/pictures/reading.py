"""Pictures of all kinds read from their bytes, upright, with all of their depth."""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from PIL import Image, UnidentifiedImageError, features

from birefnet_video.colour.convert import alpha_samples, plane_array
from birefnet_video.colour.transfer import SRGB, from_light
from birefnet_video.errors import BackendUnavailable, InputMissing, NotAPicture, first_line
from birefnet_video.limits import DEFAULT_LIMITS, Limits
from birefnet_video.pictures.headers import is_whole
from birefnet_video.pictures.metadata import turn_and_kept
from birefnet_video.pictures.picture import Kept, Picture
from birefnet_video.pictures.profiles import cmyk_as_srgb
from birefnet_video.types import Turn

# Our own limit, which users can move, is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
# So does what Pillow warns of: a tag of its is damaged, and the picture is read or is not.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
# Findings reach the user through our own errors, in one line each.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "AVIF")
_PNG, _EXR, _DPX = b"\x89PNG\r\n\x1a\n", b"\x76\x2f\x31\x01", (b"SDPX", b"XPDS")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
#: Tags of TIFF: bits of a sample, what samples mean, what the fourth one is.
_BITS, _PHOTOMETRIC, _EXTRA, _PREMULTIPLIED = 258, 262, 338, 1
#: What decoders raise at files that are none, or damaged.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError, struct.error)
#: The largest half float.
_MOST_LIGHT = 65504.0
#: Formats that hold several pictures of equal standing.
_WITH_PAGES = ("TIFF",)


class _NotRead(ValueError):
    """A kind of samples that is not read."""


def read_file(path: Path) -> bytes:
    """
    Raises:
        InputMissing: if it is not there or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise InputMissing(f"{path}: {reason}") from None


def read_pictures(data: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> list[Picture]:
    """The picture of a file, or all pages of a TIFF.

    Args:
        data: of the file.
        name: of it, for messages.
        limits: pixels of all pages together.

    Raises:
        NotAPicture: if it is none, damaged or too large.
        BackendUnavailable: if a library is missing for its kind.
    """
    if not data:
        raise NotAPicture(f"{name}: the file is empty")
    if data.startswith(_EXR) or data[:4] in _DPX:
        return [_by_ffmpeg(data, name, limits)]
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    formats = [*_FORMATS, *_extra_format(brand, data[16:64], name)]
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            return list(_pages(image, data, name, limits))
    except UnidentifiedImageError:
        raise NotAPicture(f"{name}: is no picture that can be read") from None
    except _NotRead as error:
        raise NotAPicture(f"{name}: {error}") from None
    except DAMAGE as error:
        raise NotAPicture(f"{name}: is damaged: {first_line(error)}") from None


def _extra_format(brand: bytes, others: bytes, name: str) -> list[str]:
    """What reads the pictures that phones store, and sees that it is there."""
    if brand in _AVIF or any(each in others for each in _AVIF):
        if not features.check("avif"):
            raise BackendUnavailable(f"{name}: this Pillow reads no AVIF", hint="pip install -U pillow")
        return []
    if brand not in _HEIC:
        return []
    if find_spec("pillow_heif") is None:
        raise BackendUnavailable(f"{name}: HEIC needs pillow-heif", hint="pip install 'birefnet-video[heic]'")
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ["HEIF"]


def _pages(image: Image.Image, data: bytes, name: str, limits: Limits) -> Iterator[Picture]:
    count = getattr(image, "n_frames", 1)
    if count > 1 and getattr(image, "is_animated", False) and image.format in ("PNG", "WEBP", "AVIF"):
        raise NotAPicture(f"{name}: is an animation of {count} pictures", hint="stills are taken here")
    pixels = 0
    for page in range(count if image.format in _WITH_PAGES else 1):
        if page or image.format in _WITH_PAGES:
            image.seek(page)
        pixels += image.width * image.height
        if pixels > limits.pixels:
            size = f"{image.width}x{image.height}" + (f" on {count} pages" if count > 1 else "")
            raise NotAPicture(
                f"{name}: is too large: {size}, at most {limits.pixels:,} pixels", hint="--max-pixels raises the limit"
            )
        turn, kept = turn_and_kept(image, data)
        rgb, alpha, note = _samples(image, data, page)
        notes = [note] if note else []
        if note is None and kept.icc is None and image.info.get("icc_profile"):
            notes.append("its profile is none of RGB and is left out")
        if image.mode == "CMYK":
            kept = replace(kept, icc=None)
        yield Picture(np.ascontiguousarray(turn.apply(rgb)), _upright_alpha(alpha, turn), kept, notes=tuple(notes))


def _upright_alpha(alpha: np.ndarray | None, turn: Turn) -> np.ndarray | None:
    """Integers as float32 in [0, 1]; None if all of it is opaque: renderers have room for it in every picture."""
    top = 1 if alpha is None else np.iinfo(alpha.dtype).max
    if alpha is None or alpha.min() == top:
        return None
    return np.ascontiguousarray(turn.apply(alpha)).astype(np.float32) / np.float32(top)


def _samples(image: Image.Image, data: bytes, page: int) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    """RGB, alpha if there is some, and what a user should know of the conversion."""
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.int64).clip(0, 65535).astype(np.uint16)
        return _grey_rgb(grey), None, None
    if image.mode == "F":
        raise _NotRead("samples of floating point are read from EXR only")
    if is_deep(image, data):
        # Sees to it that the file is whole, which the other decoder does not say.
        image.load()
        return (*_deep_samples(image, data, page), None)
    if image.mode == "CMYK":
        return np.asarray(cmyk_as_srgb(image, image.info.get("icc_profile"))), None, "CMYK: made sRGB"
    has_alpha = image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
    pixels = np.asarray(
        image
        if image.mode in ("RGB", "RGBA") and not (has_alpha and image.mode == "RGB")
        else image.convert("RGBA" if has_alpha else "RGB")
    )
    return pixels[..., :3], pixels[..., 3] if has_alpha else None, None


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether it has colours of 16 bits, of which Pillow gives 8."""
    if data.startswith(_PNG):
        return data[24] == 16
    if image.format != "TIFF":
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    return max(tags.get(_BITS, (1,))) == 16 and tags.get(_PHOTOMETRIC, 2) in (1, 2)


def _deep_samples(image: Image.Image, data: bytes, page: int) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB and alpha, uint16."""
    encoded = np.frombuffer(data, np.uint8)
    try:
        if image.format == "TIFF":
            found = cv2.imdecodemulti(encoded, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1]
            samples = found[0] if found else None
        else:
            samples = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _NotRead(f"cannot be decoded: {first_line(error)}") from None
    if samples is None or samples.dtype != np.uint16 or samples.shape[:2] != (image.height, image.width):
        raise _NotRead("its 16 bits a sample are stored in a way that is not read")
    if samples.ndim == 2:
        return _grey_rgb(samples), None
    rgb = samples[..., 2::-1]
    if samples.shape[2] == 3:
        return rgb, None
    alpha = samples[..., 3]
    if image.format == "TIFF" and _PREMULTIPLIED in image.tag_v2.get(_EXTRA, ()):  # type: ignore[attr-defined]
        share = np.maximum(alpha, 1)[..., None].astype(np.float64) / 65535
        rgb = (rgb / share + 0.5).clip(0, 65535).astype(np.uint16)
    return rgb, alpha


def _grey_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def _by_ffmpeg(data: bytes, name: str, limits: Limits) -> Picture:
    """DPX and EXR."""
    decoder = av.CodecContext.create("exr" if data.startswith(_EXR) else "dpx", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = {"max_pixels": str(limits.pixels), "err_detect": "explode"}
    packet = av.Packet(len(data))
    packet.update(data)
    try:
        frames = [*decoder.decode(packet), *decoder.decode(None)] if is_whole(data) else []
    except av.error.FFmpegError as error:
        hint = "it is damaged, or larger than --max-pixels allows"
        raise NotAPicture(f"{name}: cannot be decoded: {error.strerror}", hint=hint) from None
    if not frames:
        raise NotAPicture(f"{name}: is damaged: it is not all there")
    if data.startswith(_EXR):
        return _of_light(frames[0])
    return Picture(_integers(frames[0]))


def _of_light(frame: av.VideoFrame) -> Picture:
    match = re.fullmatch(r"(gray|gbrp|gbrap)f(16|32)(le|be)", frame.format.name)
    if match is None:
        return Picture(_integers(frame))
    kind, bits, order = match.groups()
    dtype = np.dtype(f"{'<' if order == 'le' else '>'}f{int(bits) // 8}")
    planes = [_floats(plane, dtype) for plane in frame.planes]
    light = np.stack((planes[0],) * 3 if kind == "gray" else (planes[2], planes[0], planes[1]), -1)
    own = planes[3].clip(0, 1) if kind == "gbrap" else None
    if own is None or own.min() == 1:
        own = None
    else:
        # EXR's light is multiplied by alpha, by its specification.
        light = np.divide(light, own[..., None], out=light, where=own[..., None] > 0)
    return Picture(alpha_samples(from_light(light, SRGB).astype(np.float32), 16), own, Kept(), light)


def _integers(frame: av.VideoFrame) -> np.ndarray:
    """RGB of 8 bits as it is, deeper one spread over 16 bits: by hand, because swscale's rounding changes values."""
    name, bits = frame.format.name, frame.format.components[0].bits
    if name.startswith("gray"):
        planes = [plane_array(frame, 0)] * 3
    elif name.startswith("gbr"):
        planes = [plane_array(frame, index) for index in (2, 0, 1)]
    else:
        return frame.reformat(format="rgb24" if bits == 8 else "rgb48le").to_ndarray()
    samples = np.stack(planes, -1)
    if bits <= 8:
        return samples
    wide = samples.astype(np.uint32)
    return ((wide << (16 - bits)) | (wide >> (2 * bits - 16))).astype(np.uint16)


def _floats(plane: "av.video.plane.VideoPlane", dtype: np.dtype) -> np.ndarray:
    samples = np.frombuffer(memoryview(plane), dtype)
    rows = samples[: plane.height * (plane.line_size // dtype.itemsize)].reshape(plane.height, -1)
    return np.nan_to_num(rows[:, : plane.width].astype(np.float32), posinf=_MOST_LIGHT, neginf=-_MOST_LIGHT)
