"""A short clip with sound, made on the spot by FFmpeg's own encoders, which every build has."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FRAMES, RATE = 25, 25
_WIDTH, _HEIGHT = 320, 192
_SAMPLE_RATE, _BLOCK = 48000, 1024


def write_clip(path: Path) -> None:
    """A second of a bright disc that crosses a dark picture, with a tone.

    Raises:
        av.error.FFmpegError: if it cannot be written.
    """
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=_SAMPLE_RATE)
        sound.codec_context.layout = "mono"
        for index in range(FRAMES):
            centre = _WIDTH * (0.2 + 0.6 * index / (FRAMES - 1))
            disc = np.hypot(x - centre, y - _HEIGHT / 2) < _HEIGHT / 3
            grey = np.where(disc, 220, 20 + 40 * x // _WIDTH).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, 2), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(_SAMPLE_RATE) * 2 * np.pi * 440 / _SAMPLE_RATE).astype(np.float32) * 0.2
        for start in range(0, len(tone) - _BLOCK + 1, _BLOCK):
            samples = av.AudioFrame.from_ndarray(tone[None, start : start + _BLOCK], format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
