"""Which encoders and decoders open: each encoder that an output can have encodes a few frames."""

from collections.abc import Iterator

import av
import av.codec

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.encodings import every_encoding
from birefnet_video.outputs.trial import why_not

_PICTURES = (
    "h264",
    "hevc",
    "av1",
    "vp8",
    "vp9",
    "prores",
    "dnxhd",
    "ffv1",
    "mpeg2video",
    "mpeg4",
    "mjpeg",
    "png",
    "exr",
)
_SOUNDS = ("aac", "mp3", "opus", "vorbis", "flac", "ac3", "pcm_s16le")
_SOUND_ENCODERS = ("aac", "libopus", "flac", "pcm_s16le")
_NO_LIBRARY = "install PyAV's own build: pip install --force-reinstall --only-binary av av"


def look_at_codecs(*, has_nvidia: bool) -> Section:
    """What can be encoded and decoded.

    Args:
        has_nvidia: there is an NVIDIA GPU, so that its encoders should open.
    """
    encoders = (_encoder(name, encoding, has_nvidia=has_nvidia) for name, encoding in every_encoding().items())
    return Section("Codecs", (*encoders, *_lists()))


def _encoder(name: str, encoding: Encoding, *, has_nvidia: bool) -> Finding:
    title = f"encode {name}"
    depths = ", ".join(str(bits) for bits in encoding.pixel_formats)
    reasons = (why_not(encoding, bits) for bits in encoding.pixel_formats)
    if (reason := next((each for each in reasons if each is not None), None)) is not None:
        text = f"{encoding.codec} does not open: {reason}"
        if not encoding.codec.endswith("_nvenc"):
            return Finding(title, "broken", text, _NO_LIBRARY)
        usual = f"--codec {encoding.codec.removesuffix('_nvenc')}"
        if not has_nvidia:
            return Finding(title, "note", f"{text} (there is no NVIDIA GPU)", usual)
        return Finding(
            title, "missing", f"{text} (some GPUs for servers have no encoder)", f"update the driver, or {usual}"
        )
    return Finding(title, "ok", f"{encoding.codec}, {depths} bits")


def _lists() -> Iterator[Finding]:
    yield _known("encode sound", _SOUND_ENCODERS, "w")
    yield _known("decode pictures", _PICTURES, "r")
    yield _known("decode sound", _SOUNDS, "r")
    containers = {encoding.container for encoding in every_encoding().values()}
    absent = sorted(containers - av.formats_available)
    known = ", ".join(sorted(containers))
    if absent:
        yield Finding("containers", "broken", f"{', '.join(absent)} cannot be written", _NO_LIBRARY)
    else:
        yield Finding("containers", "ok", known)


def _known(title: str, names: tuple[str, ...], mode: str) -> Finding:
    absent = [name for name in names if not _exists(name, mode)]
    if absent:
        return Finding(title, "broken", f"FFmpeg was built without {', '.join(absent)}", _NO_LIBRARY)
    return Finding(title, "ok", ", ".join(names))


def _exists(name: str, mode: str) -> bool:
    try:
        av.codec.Codec(name, mode)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True
