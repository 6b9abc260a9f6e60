"""Open an input so that it can touch nothing but itself, and say in one line why it cannot be opened."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.logging
import av.stream
from av.codec.hwaccel import HWAccel

from birefnet_video.errors import BackendUnavailable, InputMissing, NotAVideo
from birefnet_video.inputs.missing import missing_input, picture_instead
from birefnet_video.inputs.remote import OpenRemote, Place, RemoteFile
from birefnet_video.limits import DEFAULT_LIMITS, Limits
from birefnet_video.types import Cut

# Findings reach the user through our own errors and warnings, in one line each.
av.logging.set_level(None)
# SVT-AV1 writes to standard error by itself.
os.environ.setdefault("SVT_LOG", "1")

#: Demuxers of files that hold their own data: no playlists, no scripts that name other files or hosts.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,vc1,flv,asf,mxf,"
    "ogg,nut,yuv4mpegpipe,dv,mjpeg,gif,apng,rm,wtv,gxf,mp3,aac,flac,wav,ac3"
)
#: Of these, those with an index to jump by; others are read from the beginning.
_SEEKABLE = {"mov", "matroska"}
#: Bytes that are read at once where Python reads them.
_BUFFER = 1 << 18
#: Seconds before a cut at which reading begins at the latest.
_SEEK_MARGIN_S = Fraction(1)
#: First bytes of JPEG, PNG, TIFF, BMP, JPEG 2000, EXR, DPX, PSD.
_PICTURES = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"BM", b"\0\0\0\x0cjP", b"\x76\x2f\x31\x01"),
    *(b"SDPX", b"XPDS", b"8BPS"),
)
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]", b"v=0\r\no=")


def open_input(path: Place, limits: Limits = DEFAULT_LIMITS, decode_on: str = "cpu") -> av.container.InputContainer:
    """Open a media file for reading.

    Args:
        path: of the file.
        limits: what is refused.
        decode_on: ``cuda`` or ``cuda:<i>`` decodes on that GPU what it can decode, and the rest on the CPU.

    Raises:
        InputMissing: if it is missing, a folder or not readable.
        NotAVideo: if it is empty, no media file, incomplete, or a playlist.
        BackendUnavailable: if there is no GPU to decode on.
    """
    head = _read_head(path)
    kind, _, number = decode_on.partition(":")
    try:
        return av.open(
            f"file:{path.resolve()}" if isinstance(path, Path) else OpenRemote(path),
            "r",
            # Frames stay where they are, so that it is known whether a GPU or the CPU has decoded them.
            hwaccel=None if decode_on == "cpu" else HWAccel(kind, number or None, is_hw_owned=True),
            container_options={"format_whitelist": _FORMATS},
            options={"protocol_whitelist": "file", "max_pixels": str(limits.pixels)},
            metadata_errors="replace",
            buffer_size=_BUFFER,
        )
    except av.error.FFmpegError as error:
        if decode_on != "cpu":
            raise BackendUnavailable(
                f"--decode-on {kind}: no such decoder opens here: {error.strerror}", hint="use --decode-on cpu"
            ) from None
        if _is_picture(head):
            raise NotAVideo(f"{path}: is a picture, not a video", hint=picture_instead(Path(path.name))) from None
        raise NotAVideo(f"{path}: {_explain(head, error)}") from None


def demux(container: av.container.InputContainer, *streams: "av.stream.Stream") -> Iterator[av.Packet]:
    """Packets of some streams (of all: none named), and an empty one of each at the end.

    Raises:
        FFmpegError: where reading fails; nothing follows.
    """
    # A stream that appears in the middle, as transport streams allow: PyAV stumbles over it at the very end.
    with suppress(IndexError):
        yield from container.demux(*streams)


def seek_before(container: av.container.InputContainer, cut: Cut, margin_s: float | None = None) -> bool:
    """Move to a place from which everything in ``cut`` can be decoded; stay at the beginning where that is not sure.

    Args:
        container: to move in.
        cut: what is wanted.
        margin_s: how much earlier at least.

    Returns:
        Whether reading may begin elsewhere than at the beginning.
    """
    target = max(cut.start - Fraction(margin_s or _SEEK_MARGIN_S), Fraction(0))
    if not target or not _SEEKABLE & set(container.format.name.split(",")):
        return False
    with suppress(av.error.FFmpegError):
        container.seek(int(target * av.time_base), backward=True)
    return True


def _read_head(path: Place) -> bytes:
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise InputMissing(f"{path}: is no regular file: pipes and devices cannot be read")
        with path.open("rb") as file:
            head = file.read(4096)
    except (FileNotFoundError, IsADirectoryError):
        raise missing_input(Path(path.name) if isinstance(path, RemoteFile) else path) from None
    except OSError as error:
        raise InputMissing(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise NotAVideo(f"{path}: the file is empty")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
        raise NotAVideo(f"{path}: is a playlist, and playlists are not allowed: they can name other files and hosts")
    return head


def _is_picture(head: bytes) -> bool:
    """Whether a file begins as still pictures do."""
    is_in_riff = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    is_in_boxes = head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"avif", b"avis", b"msf1")
    return head.startswith(_PICTURES) or is_in_riff or is_in_boxes


def _explain(head: bytes, error: av.error.FFmpegError) -> str:
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"moov"):
        return "the file is incomplete: its index (moov) is missing; the recording or download was cut off"
    if b"\0" not in head[:512]:
        return "is not a video file: it holds text"
    return f"is not a video file that can be read: {error.strerror}"
