"""Which sound each container takes as it is, and what stands in for the rest: codec, layout and depth, in one place."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.audio.codeccontext
import av.audio.stream
import av.error

from birefnet_video.defaults import AUDIO_BIT_RATE_PER_CHANNEL

_PCM = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
_BIG_ENDIAN_PCM = ("pcm_s16be", "pcm_s24be", "pcm_s32be")
#: Codecs that a container takes as they are, by FFmpeg's name of the muxer.
_COPYABLE = {
    "mov": {
        *("aac", "mp3", "ac3", "eac3", "alac", "mp2"),
        *(*_PCM, *_BIG_ENDIAN_PCM, "pcm_f32be", "pcm_f64be", "pcm_s8", "pcm_alaw", "pcm_mulaw"),
    },
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "mp2", "opus", "flac"},
    "webm": {"opus", "vorbis"},
    "matroska": {
        *("aac", "mp3", "ac3", "eac3", "alac", "mp2", "opus", "vorbis", "flac", "dts", "truehd"),
        *(*_PCM, *_BIG_ENDIAN_PCM, "pcm_u8"),
    },
}
#: What is written instead of anything else; ``None``: PCM of the depth that the samples have.
_SUBSTITUTES = {"mov": None, "mp4": "aac", "webm": "libopus", "matroska": "flac"}
#: Encoders of codecs that are encoded again because parts of them are cut out.
_ENCODERS = {
    "aac": "aac",
    "ac3": "ac3",
    "eac3": "eac3",
    "alac": "alac",
    "flac": "flac",
    "mp2": "mp2",
    "opus": "libopus",
}
_LOSSY = {"aac", "ac3", "eac3", "libopus", "mp2"}
_LOSSLESS_SOURCES = {"flac", "alac", "truehd", "tta", "wavpack", "ape", "mlp", "s302m"}
#: Sources whose samples of 32 bits are not 24 bits and zeros.
_FULL_32 = ("pcm_s32", "pcm_u32", "wavpack")
#: Layouts that encoders know, by number of channels; the ones of Vorbis and so of Opus are among them.
_KNOWN_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
#: Layouts for streams that state a number of channels only.
_BY_COUNT = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1", 16: "hexadecagonal"}
#: Places that are the same loudspeaker where there is only one pair behind or beside the listener.
_TWINS = {"SL": "BL", "SR": "BR", "BL": "SL", "BR": "SR"}


@dataclass(frozen=True, slots=True)
class SoundCoding:
    """How a track is encoded."""

    codec: str
    """FFmpeg's name of the encoder."""
    rate: int
    layout: str
    sample_format: str
    losses: tuple[str, ...] = ()
    """What the source has and this has not, in words."""

    @property
    def bit_rate(self) -> int | None:
        """Bits a second of lossy codecs that would take fewer by themselves."""
        channels = av.AudioLayout(self.layout).nb_channels
        return AUDIO_BIT_RATE_PER_CHANNEL * channels if self.codec in ("aac", "libopus") else None


def can_copy(source: av.audio.stream.AudioStream, muxer: str) -> bool:
    """Whether a container takes a track's packets as they are, by its table and by trying."""
    if source.codec_context.codec.canonical_name not in _COPYABLE[muxer]:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as trial:
            trial.add_stream_from_template(source)
            # Some things are refused when the header is written.
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def coding_for(source: av.audio.stream.AudioStream, muxer: str, *, same_codec: bool = False) -> SoundCoding | None:
    """The coding of a track in a container that keeps most of it, or ``None`` if none opens.

    Args:
        source: the track.
        muxer: FFmpeg's name of the container's.
        same_codec: the container takes the codec, only not the packets.
    """
    context = source.codec_context
    name = context.codec.canonical_name
    is_exact = name.startswith("pcm_") or name in _LOSSLESS_SOURCES
    bits, is_float = _depth(name, context.format.name, is_exact=is_exact)
    for codec in _codecs(name, muxer, bits, is_float=is_float, same_codec=same_codec):
        rate = _supported_rate(codec, context.sample_rate)
        sample_format = _sample_format(codec, bits)
        for layout in _layouts(context.layout):
            if not _opens(codec, rate, layout, sample_format):
                continue
            losses = _losses(codec, layout, rate, source, bits if is_exact else None)
            return SoundCoding(codec, rate, layout, sample_format, tuple(losses))
    return None


def _codecs(name: str, muxer: str, bits: int, *, is_float: bool, same_codec: bool) -> Iterator[str]:
    if same_codec and (name in _ENCODERS or name.startswith("pcm_")):
        yield _ENCODERS.get(name, name)
    pcm = f"pcm_f{bits}le" if is_float else f"pcm_s{bits}le"
    usual = _SUBSTITUTES[muxer]
    if usual is None or (usual == "flac" and (is_float or bits > 24 or name.startswith("pcm_"))):
        yield pcm
    if usual is not None:
        yield usual


def _depth(name: str, sample_format: str, *, is_exact: bool) -> tuple[int, bool]:
    """Bits that samples need, and whether they are floating point."""
    kind = sample_format.rstrip("p")
    if not is_exact or kind in ("u8", "s16"):
        return 16, False
    if kind in ("flt", "dbl"):
        return (32 if kind == "flt" else 64), True
    return (32 if name.startswith(_FULL_32) else 24), False


def _sample_format(codec: str, bits: int) -> str:
    """Of what the encoder takes, the format that holds so many bits."""
    names = [each.name for each in av.Codec(codec, "w").audio_formats or ()]
    deep = [each for each in names if bits > 16 and each in ("s32", "s32p")]
    return (deep or names)[0]


def _layouts(layout: av.AudioLayout) -> Iterator[str]:
    """Layouts to try: the same, the same with other names, larger ones with silent channels, then fewer channels."""
    named = layout.name if "channels" not in layout.name else _BY_COUNT.get(layout.nb_channels, layout.name)
    yield named
    try:
        places = {channel.name for channel in av.AudioLayout(named).channels}
    except ValueError:
        places = set()
    twins = {_TWINS.get(place, place) for place in places}
    holding = [
        other
        for other in _KNOWN_LAYOUTS
        if places
        and any(wanted <= {channel.name for channel in av.AudioLayout(other).channels} for wanted in (places, twins))
    ]
    yield from (other for other in holding if other != named)
    yield from (other for other in ("7.1", "5.1", "stereo", "mono") if other not in holding and other != named)


def _opens(codec: str, rate: int, layout: str, sample_format: str) -> bool:
    try:
        context = av.CodecContext.create(codec, "w")
        assert isinstance(context, av.audio.codeccontext.AudioCodecContext)
        context.sample_rate, context.format, context.layout = rate, sample_format, layout
        context.open()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _losses(codec: str, layout: str, rate: int, source: av.audio.stream.AudioStream, bits: int | None) -> Iterator[str]:
    """What a coding loses; ``bits`` of a source that has lost nothing yet, else ``None``."""
    context = source.codec_context
    if codec in _LOSSY:
        yield "lossy"
    elif bits is not None and (held := _bits_held(codec)) is not None and held < bits:
        yield f"{held} of {bits} bits"
    channels = av.AudioLayout(layout).nb_channels
    if channels < context.layout.nb_channels:
        yield f"{context.layout.nb_channels} channels mixed down to {layout}"
    elif layout != context.layout.name:
        yield f"{context.layout.name} as {layout}"
    if rate != context.sample_rate:
        yield f"{context.sample_rate} Hz resampled to {rate} Hz"


def _bits_held(codec: str) -> int | None:
    if codec in ("flac", "alac"):
        return 24
    digits = "".join(filter(str.isdigit, codec))
    return int(digits) if codec.startswith("pcm_") and digits else None


def _supported_rate(codec: str, rate: int) -> int:
    """``rate``, or the nearest one that the encoder takes."""
    rates = av.Codec(codec, "w").audio_rates
    return rate if not rates or rate in rates else min(rates, key=lambda other: abs(other - rate))
