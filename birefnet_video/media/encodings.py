"""What is written for each kind of output: container, codec and settings, in one table."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from birefnet_video.defaults import H264_CRF, H264_PRESET, PRORES_QSCALE
from birefnet_video.errors import OutputRefused

#: Keeps a file readable when the process is killed, and is an ordinary file when finished. Without delay_moov
#: edit lists are lost, and with them the offset between picture and sound.
_SURVIVES_A_KILL = {"movflags": "+hybrid_fragmented+delay_moov", "max_interleave_delta": "1000000"}


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
)
_FFV1_MATTE = Encoding(
    "matroska",
    "ffv1",
    {"level": "3", "slicecrc": "1", "g": "1"},
    full_range=True,
    is_matte=True,
)
_H264 = Encoding(
    "mp4",
    "libx264",
    {"crf": str(H264_CRF), "preset": H264_PRESET},
    _SURVIVES_A_KILL,
    follows_source_range=True,
)

_TABLE: dict[str, dict[str, Encoding]] = {
    "alpha": {".mov": _PRORES},
    "mask": {".mkv": _FFV1_MATTE},
    "green": {".mp4": _H264, ".mov": replace(_H264, container="mov")},
}


def encoding_for(kind: str, path: Path) -> Encoding:
    """The encoding of an output of ``kind`` (``alpha``, ``mask``, ``green``), by the extension of ``path``.

    Raises:
        OutputRefused: if that container cannot carry it; the message names what can.
    """
    rows = _TABLE[kind]
    suffix = path.suffix.lower()
    if suffix not in rows:
        why = {
            "alpha": f"{suffix or 'a name without extension'} cannot carry alpha here",
            "mask": f"a mask cannot be written losslessly as {suffix or 'a name without extension'}",
            "green": f"a composite cannot be written as {suffix or 'a name without extension'}",
        }[kind]
        raise OutputRefused(f"{path}: {why}", hint=f"use {' or '.join(rows)}")
    return rows[suffix]
