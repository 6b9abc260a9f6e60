"""What stands at a stream's beginning is known to those who begin in its middle."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from moviefiles import write_movie

from birefnet_video.inputs import reader as reading
from birefnet_video.inputs.beginning import show_beginning
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.types import Cut

#: Farther behind the beginning than seeking stays.
LATE = Fraction(3)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "444.mp4"
    return write_movie(path, codec="libx264", pixel_format="yuv444p", options={"g": "10", "bf": "2"}, count=100)


class Recorder:
    """A decoder that writes down what it is asked for."""

    def __init__(self, name: str, pixel_format: str) -> None:
        self.codec = SimpleNamespace(canonical_name=name)
        self.format = av.VideoFormat(pixel_format)
        self.seen: list[bytes] = []

    def decode(self, packet: av.Packet) -> list[Any]:
        self.seen.append(bytes(packet))
        return []

    def flush_buffers(self) -> None:
        self.seen.append(b"")


@pytest.mark.parametrize("pixel_format", ["yuv444p", "gbrp", "yuv444p10le"])
def test_a_decoder_sees_the_version_of_x264_and_nothing_else(clip: Path, pixel_format: str) -> None:
    decoder = Recorder("h264", pixel_format)
    show_beginning(decoder, clip, probe(clip))  # type: ignore[arg-type]
    first, after = decoder.seen
    assert b"x264 - core " in first and after == b""


@pytest.mark.parametrize(("name", "pixel_format"), [("h264", "yuv420p"), ("h264", "yuv422p10le"), ("hevc", "yuv444p")])
def test_others_need_no_beginning(clip: Path, name: str, pixel_format: str) -> None:
    decoder = Recorder(name, pixel_format)
    show_beginning(decoder, clip, probe(clip))  # type: ignore[arg-type]
    assert decoder.seen == []


def read(path: Path, cut: Cut) -> list[np.ndarray]:
    reader = Reader(probe(path), lambda text: None, cut)
    pictures = [frame.picture.to_ndarray(format="yuv444p") for frame in reader.frames()]
    assert reader.damage == []
    return pictures


def test_who_begins_in_the_middle_is_shown_it_and_gets_no_other_pictures(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []

    def show(decoder: Any, place: Path, info: Any) -> None:
        shown.append(place)
        show_beginning(decoder, place, info)

    monkeypatch.setattr(reading, "show_beginning", show)
    whole = read(clip, Cut(Fraction(0)))
    assert shown == []
    part = read(clip, Cut(LATE))
    assert shown == [clip]
    assert len(part) == len(whole) - 75 and all(map(np.array_equal, part, whole[75:]))
