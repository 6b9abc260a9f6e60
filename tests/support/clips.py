"""Clips made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def make_clip(
    path: Path,
    *,
    frames: int = 24,
    size: tuple[int, int] = (160, 96),
    rate: int = 25,
    with_sound: bool = False,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
) -> Path:
    """A bright disc that moves over a dark gradient; width and height in ``size``."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"preset": "ultrafast"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        sound = container.add_stream("aac", rate=48000) if with_sound else None
        if sound is not None:
            sound.codec_context.layout = "stereo"
        for index in range(frames):
            centre = width * (0.2 + 0.6 * index / max(frames - 1, 1))
            disc = np.hypot(x - centre, y - height / 2) < height / 4
            grey = np.where(disc, 230, 20 + 40 * x // width).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, 2), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _add_tone(container, sound, frames / rate)
    return path


def _add_tone(container: av.container.OutputContainer, sound: "av.audio.stream.AudioStream", seconds: float) -> None:
    samples = np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000).astype(np.float32) * 0.2
    for start in range(0, len(samples) - 1023, 1024):
        block = np.stack([samples[start : start + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def read_times(path: Path) -> list[Fraction]:
    """Presentation times of all video packets, in order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(p.pts * stream.time_base for p in container.demux(stream) if p.pts is not None and p.size)


def audio_payload(path: Path) -> list[bytes]:
    """Every audio packet's bytes."""
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def decode_alpha(path: Path) -> np.ndarray:
    """Alpha planes uint16 (frames, H, W) of a ProRes 4444 file, 12 bits."""
    from birefnet_video.colour.convert import plane_array

    with av.open(str(path)) as container:
        return np.stack([plane_array(frame, 3).copy() for frame in container.decode(video=0)])
