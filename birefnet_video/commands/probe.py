"""``birefnet-video probe``: what an input is."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from birefnet_video.options.group import FLAT
from birefnet_video.options.input import RateSpec
from birefnet_video.options.run import JsonSpec


def probe(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    rate: Annotated[RateSpec, FLAT] = RateSpec(),
    words: Annotated[JsonSpec, FLAT] = JsonSpec(),
) -> int:
    """Say what INPUT is: size, rate, length, colours, sound.

    Parameters
    ----------
    source
        Video file or image sequence (shot_%04d.png).
    """
    from birefnet_video.inputs.probe import probe as look

    info = look(source, rate.frame_rate)
    # Many files have no list of their frames, and a recording's rate is not that of its pictures.
    is_counted = info.promised_frames is not None or info.sequence is not None
    facts: dict[str, Any] = {
        "path": info.path,
        "width": info.width,
        "height": info.height,
        "frame_rate": _exact(info.frame_rate),
        "frames": info.frame_count,
        "frames_counted": is_counted,
        "seconds": info.duration_s,
        "pixel_format": info.pixel_format,
        "bit_depth": info.bit_depth,
        "sample_aspect_ratio": _exact(info.sample_aspect_ratio),
        "has_alpha": info.has_alpha,
        "audio_tracks": info.audio_tracks,
        "subtitle_tracks": info.subtitle_tracks,
        "timecode": info.timecode,
    }
    if words.json_lines:
        print(json.dumps(facts))
    else:
        if not facts.pop("frames_counted") and info.frame_count:
            facts["frames"] = f"about {info.frame_count}: the file does not say, its rate and length do"
        print("\n".join(f"{name.replace('_', ' '):20}{value}" for name, value in facts.items() if value is not None))
    return 0


def _exact(value: Fraction) -> str:
    return str(value)
