"""What is written for each kind of output: container, codec and settings, in one table."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from birefnet_video.defaults import H264_CRF, H264_MASK_CRF, H264_PRESET, PRORES_QSCALE, VP9_CRF, VP9_SPEED
from birefnet_video.errors import OutputRefused

#: The path that means standard output.
STDOUT = Path("-")
#: Keeps a file readable when the process is killed, and is an ordinary file when finished. Without delay_moov
#: edit lists are lost, and with them the offset between picture and sound.
_SURVIVES_A_KILL = {
    "movflags": "+hybrid_fragmented+delay_moov",
    "max_interleave_delta": "1000000",
    # Offsets between streams are stored in these ticks; the usual 1000 a second would move sound by half a millisecond.
    "movie_timescale": "90000",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one output is encoded."""

    container: str
    """FFmpeg's name of the muxer."""
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    full_range: bool = False
    """Samples use the whole range of their bits, whatever the source does."""
    follows_source_range: bool = False
    carries_alpha: bool = False
    is_matte: bool = False
    pixel_format: str = ""
    """Of its frames; empty: 4:2:0 at the source's depth."""
    needs_even_sides: bool = False
    alpha_slack: float = 2 / 1023
    """By how much less than written the alpha may vary when it is read again, as a share of the whole range."""


_PRORES = Encoding(
    "mov",
    "prores_ks",
    # "qscale" alone is ignored; the flag and lambda (118 a step) are what the encoder reads.
    {
        "profile": "4444",
        "alpha_bits": "16",
        "vendor": "apl0",
        "flags": "+qscale",
        "global_quality": str(118 * PRORES_QSCALE),
    },
    _SURVIVES_A_KILL,
    carries_alpha=True,
    pixel_format="yuva444p10le",
)
_FFV1_ALPHA = Encoding(
    "matroska", "ffv1", {"level": "3", "slicecrc": "1", "g": "1"}, carries_alpha=True, pixel_format="yuva444p10le"
)
_VP9 = Encoding(
    "webm",
    "libvpx-vp9",
    {"crf": str(VP9_CRF), "b": "0", "deadline": "good", "cpu-used": str(VP9_SPEED), "row-mt": "1", "tile-columns": "2"},
    pixel_format="yuv420p",
)
_VP9_ALPHA = replace(
    _VP9,
    # Alternate reference frames have no alpha.
    options={**_VP9.options, "auto-alt-ref": "0"},
    carries_alpha=True,
    pixel_format="yuva420p",
    # Lossy, and at 8 bits.
    alpha_slack=0.1,
)
_FFV1_MATTE = Encoding(
    "matroska",
    "ffv1",
    {"level": "3", "slicecrc": "1", "g": "1"},
    full_range=True,
    is_matte=True,
    pixel_format="gray",
)
_H264_MATTE = Encoding(
    "mp4",
    "libx264",
    {"crf": str(H264_MASK_CRF), "preset": H264_PRESET},
    _SURVIVES_A_KILL,
    # A matte of limited range is read with an error of up to 20 levels.
    full_range=True,
    is_matte=True,
    pixel_format="gray",
)
_H264 = Encoding(
    "mp4",
    "libx264",
    {"crf": str(H264_CRF), "preset": H264_PRESET},
    _SURVIVES_A_KILL,
    follows_source_range=True,
    needs_even_sides=True,
)

#: Frames one after the other without any header, on standard output.
_RAW = Encoding("rawvideo", "rawvideo", full_range=True, pixel_format="rgba")

_TABLE: dict[str, dict[str, Encoding]] = {
    "alpha": {".mov": _PRORES, ".webm": _VP9_ALPHA, ".mkv": _FFV1_ALPHA},
    "mask": {".mkv": _FFV1_MATTE, ".mp4": _H264_MATTE, ".mov": replace(_H264_MATTE, container="mov")},
    "composite": {
        ".mp4": _H264,
        ".mov": replace(_H264, container="mov"),
        ".mkv": replace(_H264, container="matroska", container_options={}),
        ".webm": _VP9,
    },
}


def encoding_for(kind: str, path: Path) -> Encoding:
    """The encoding of an output of ``kind`` (``alpha``, ``mask``, ``composite``), by the extension of ``path``.

    Raises:
        OutputRefused: if that container cannot carry it; the message names what can.
    """
    if path == STDOUT:
        if kind != "alpha":
            raise OutputRefused(f"-: only --alpha can go to standard output, not --{kind}")
        return _RAW
    rows = _TABLE[kind]
    suffix = path.suffix.lower()
    if suffix not in rows:
        why = {
            "alpha": f"{suffix or 'a name without extension'} cannot carry alpha here",
            "mask": f"a mask cannot be written as {suffix or 'a name without extension'}",
            "composite": f"a composite cannot be written as {suffix or 'a name without extension'}",
        }[kind]
        raise OutputRefused(f"{path}: {why}", hint=f"use {' or '.join(rows)}")
    return rows[suffix]
