"""Clips with sound, odd times, edit lists and damage, made on the spot by PyAV alone."""

import io
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from birefnet_video.outputs.scheduling import scheduling_kept

SIZE = (64, 48)


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A gradient with a bright box that moves, uint8 RGB; width and height in ``size``."""
    width, height = size
    out = np.zeros((height, width, 3), np.uint8)
    out[..., 0] = np.linspace(0, 120, width).astype(np.uint8)
    left = 4 + 3 * number % (width // 2)
    out[height // 4 : 3 * height // 4, left : left + width // 4] = (240, 200, 150)
    return out


def tone(seconds: float, hertz: float = 440, *, channels: int = 1) -> np.ndarray:
    """A sine of 48 kHz, float32 (channels, samples)."""
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * 48000)) / 48000)
    return np.repeat(wave[None], channels, 0).astype(np.float32)


@scheduling_kept()
def write_movie(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Sequence[Fraction] | None = None,
    count: int = 25,
    rate: int = 25,
    size: tuple[int, int] = SIZE,
    options: dict[str, str] | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    layout: str = "mono",
    language: str | None = None,
    container: str | None = None,
    muxer_options: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    shift: float = 0.0,
    last_s: Fraction | None = None,
) -> Path:
    """A clip of ``count`` pictures, or one at each of ``times``; the last one lasts ``last_s``."""
    out = av.open(str(path), "w", format=container, container_options=muxer_options or {})
    out.metadata.update(tags or {})
    # Some encoders count in frames.
    base = Fraction(1, rate) if codec.startswith("mpeg") else Fraction(1, 90000)
    video = out.add_stream(codec, rate=rate, options=options or {})
    video.width, video.height, video.pix_fmt = *size, pixel_format
    video.time_base = video.codec_context.time_base = base
    audio = None
    if sound is not None:
        audio = out.add_stream(sound_codec, rate=48000)
        audio.codec_context.layout = layout
        audio.metadata.update({"language": language} if language else {})
    shown = list(times or (Fraction(number, rate) for number in range(count)))
    packets = []
    for number, time in enumerate(shown):
        frame = av.VideoFrame.from_ndarray(picture(number, size), "rgb24")
        frame.pts, frame.time_base = round((time + Fraction(shift)) / base), base
        packets += video.encode(frame)
    packets += video.encode(None)
    if last_s is not None:
        max(packets, key=lambda each: each.pts).duration = round(last_s / base)
    if audio is not None:
        packets += list(_sound_packets(audio, sound, layout, shift))
    for packet in sorted(packets, key=lambda each: (each.dts or 0) * each.time_base):
        out.mux(packet)
    out.close()
    return path


def _sound_packets(audio, sound: np.ndarray, layout: str, shift: float) -> Iterator[av.Packet]:  # type: ignore[no-untyped-def]
    resampler = av.AudioResampler(audio.codec_context.format.name, layout, 48000)
    step = audio.codec_context.frame_size or 1024
    for start in range(0, sound.shape[1], step):
        # PyAV stumbles over more than seven planes.
        part = np.ascontiguousarray(sound[:, start : start + step].T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(part, "flt", layout)
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = start + round(Fraction(shift) * 48000)
        for piece in resampler.resample(frame):
            yield from audio.encode(piece)
    yield from audio.encode(None)


def coded(number: int, kind: str = "PNG", **options: object) -> bytes:
    """A picture as a file; noise, so that half of it is no whole one."""
    chance = np.random.default_rng(number)
    image = chance.integers(0, 60, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    image[10:30, 3 * number % 40 : 3 * number % 40 + 16] = 255
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, kind, **options)
    return memory.getvalue()


def write_coded(path: Path, codec: str, pictures: Sequence[bytes]) -> Path:
    """A file of coded pictures as they are, one a frame."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=25)
        video.width, video.height = SIZE
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        for number, data in enumerate(pictures):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = video, Fraction(1, 25), True
            packet.pts = packet.dts = number
            packet.duration = 1
            out.mux(packet)
    return path


def sound_of(path: Path, track: int = 0) -> tuple[np.ndarray, float]:
    """Samples of a track mixed to one channel at 48 kHz, and when they begin."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 48000)
        start, parts = None, []
        for frame in container.decode(audio=track):
            start = frame.time if start is None else start
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(parts), float(start or 0.0)


def loudness(samples: np.ndarray, hertz: float) -> float:
    """How much of a tone there is, against all there is."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / 48000)
    return float(spectrum[np.abs(frequencies - hertz) < 40].sum() / spectrum.sum())


def set_edits(
    source: Path, target: Path, edits: Sequence[tuple[float, float | None]], *, only_sound: bool = False
) -> Path:
    """Give the tracks of a MOV whose index stands at the end another edit list.

    Args:
        source: of PyAV.
        target: to write.
        edits: seconds that are shown, and the second of the media to begin at, or ``None`` for nothing.
        only_sound: leave pictures as they are.
    """
    data = bytearray(source.read_bytes())
    places = list(_find(data, [b"moov", b"trak", b"edts", b"elst"], 0, len(data)))
    (moov,) = [at for at, _, kind in _boxes(data, 0, len(data)) if kind == b"moov"]
    clock = struct.unpack(">I", data[moov + 28 : moov + 32])[0]
    for chain in reversed(places):
        at, length = chain[-1]
        track, track_length = chain[1]
        media = next(_find(data, [b"mdia", b"mdhd"], track + 8, track + track_length))[-1][0]
        ticks = struct.unpack(">I", data[media + 20 : media + 24])[0]
        handler = next(_find(data, [b"mdia", b"hdlr"], track + 8, track + track_length))[-1][0]
        if only_sound and bytes(data[handler + 16 : handler + 20]) != b"soun":
            continue
        first = struct.unpack(">i", data[at + 20 : at + 24])[0]
        new = struct.pack(">I", len(edits))
        for shown, begin in edits:
            media_time = -1 if begin is None else first + round(begin * ticks)
            new += struct.pack(">IiI", round(shown * clock), media_time, 1 << 16)
        data[at + 12 : at + length] = new
        for place, _ in chain:
            old = struct.unpack(">I", data[place : place + 4])[0]
            data[place : place + 4] = struct.pack(">I", old + 12 + len(new) - length)
    target.write_bytes(data)
    return target


def _boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    while start < end:
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        yield start, length, bytes(kind)
        start += length


def _find(data: bytearray, path: list[bytes], start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    for at, length, kind in _boxes(data, start, end):
        if kind == path[0]:
            if len(path) == 1:
                yield [(at, length)]
            else:
                for rest in _find(data, path[1:], at + 8, at + length):
                    yield [(at, length), *rest]
