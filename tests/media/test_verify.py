"""A finished file is held against what was promised of it: each promise, broken alone, is named."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from birefnet_video.colour.convert import plane_array
from birefnet_video.errors import VerificationFailed
from birefnet_video.outputs.verify import Promise, alpha_spread, verify
from birefnet_video.types import SoundLength

FRAMES, RATE = 10, 48000
#: Of every frame: the share of columns that the subject covers; none varies in the first.
MEANS = [1.0, *(index / 32 for index in range(1, FRAMES))]
KEPT = Promise(
    frames=FRAMES,
    read=FRAMES,
    promised=FRAMES,
    first_pts=0,
    last_pts=FRAMES - 1,
    last_duration=1,
    time_base=Fraction(1, 10),
    audio_tracks=1,
    sound_lengths=[SoundLength(1.0, 0.1)],
    carries_alpha=True,
    telling_frame=4,
    telling_spread=1.0,
    alpha_slack=0.02,
    full=True,
    mean_alphas=MEANS,
)


def write(path: Path, pixel_format: str = "yuva420p") -> Path:
    """Ten frames of a tenth of a second, whose alpha covers ever more columns, and a second of sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=10, options={"slicecrc": "1"})
        video.width, video.height, video.pix_fmt = 32, 16, pixel_format
        sound = container.add_stream("pcm_s16le", rate=RATE)
        sound.codec_context.layout = "mono"
        for index, mean in enumerate(MEANS):
            frame = av.VideoFrame(32, 16, pixel_format)
            for plane in range(len(frame.planes)):
                plane_array(frame, plane)[:] = np.arange(plane_array(frame, plane).shape[1]) * 7 % 200
            if pixel_format == "yuva420p":
                plane_array(frame, 3)[:] = np.where(np.arange(32) < 32 * mean, 255, 0)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.ones((1, RATE), np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("movie") / "m.mkv")


def test_a_promise_that_is_kept_raises_nothing(movie: Path) -> None:
    verify(movie, KEPT)


@pytest.mark.parametrize(
    "change",
    [
        {"promised": None},
        {"promised": FRAMES - 1},
        {"last_duration": None},
        {"audio_tracks": 0},
        {"sound_lengths": [None]},
        {"sound_lengths": [SoundLength(1.09, 0.1)]},
        {"telling_spread": 0.5},
        {"telling_frame": 0, "telling_spread": 0.02},
        {"carries_alpha": False, "telling_spread": 9.0},
        {"mean_alphas": None},
        {"mean_alphas": [mean + 0.005 for mean in MEANS]},
        {"full": False, "mean_alphas": [0.0] * FRAMES},
        {"first_pts": 1000, "last_pts": 1009},
        {"time_base": Fraction(1, 10_000), "last_pts": 9009, "last_duration": 1009},
    ],
    ids=str,
)
def test_what_is_not_known_or_within_its_slack_is_let_through(change: dict[str, object], movie: Path) -> None:
    verify(movie, replace(KEPT, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"read": 11}, "10 frames were written, 11 were read"),
        ({"promised": 12}, "10 frames were read, the input holds 12"),
        ({"frames": 9, "read": 9, "promised": 9}, "holds 10 frames, 9 were written"),
        ({"frames": 11, "read": 11}, "holds 10 frames, 11 were written"),
        ({"last_pts": 12}, "its frames span 0.900 s, 1.200 s were written"),
        ({"first_pts": -2}, "its frames span 0.900 s, 1.100 s were written"),
        ({"last_duration": 3}, "shows its last frame for 0.100 s, 0.300 s were meant"),
        ({"audio_tracks": 2}, "holds 1 audio tracks, not 2"),
        ({"sound_lengths": [SoundLength(1.2, 0.1)]}, "sound track 1 lasts 1.000 s, 1.200 s in the input"),
        ({"sound_lengths": [SoundLength(0.8, 0.1)]}, "sound track 1 lasts 1.000 s, 0.800 s in the input"),
        ({"telling_frame": 0}, "its alpha is not what was written"),
        ({"telling_frame": 10}, "its alpha is missing"),
        ({"mean_alphas": [*MEANS[:3], 0.5, *MEANS[4:]]}, "the mean matte of frame 3 is 0.094, 0.500 was written"),
    ],
    ids=str,
)
def test_a_promise_that_is_broken_is_named(change: dict[str, object], words: str, movie: Path) -> None:
    with pytest.raises(VerificationFailed) as failed:
        verify(movie, replace(KEPT, **change))  # type: ignore[arg-type]
    assert str(failed.value) == f"{movie}: {words}"


def test_alpha_that_is_promised_must_be_there(tmp_path: Path) -> None:
    opaque = write(tmp_path / "opaque.mkv", "yuv420p")
    verify(opaque, replace(KEPT, carries_alpha=False, mean_alphas=None))
    with pytest.raises(VerificationFailed, match="its alpha is missing"):
        verify(opaque, replace(KEPT, mean_alphas=None))


def test_damage_inside_of_frames_is_found_by_a_full_verification_alone(movie: Path, tmp_path: Path) -> None:
    data = bytearray(movie.read_bytes())
    with av.open(str(movie)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    start = data.index(bytes(packets[7]))
    for offset in range(start + 20, start + packets[7].size - 8):
        data[offset] ^= 0x55
    damaged = tmp_path / "damaged.mkv"
    damaged.write_bytes(data)
    verify(damaged, replace(KEPT, full=False))
    with pytest.raises(VerificationFailed, match=r"frame 7|\d frames can be decoded"):
        verify(damaged, KEPT)


@pytest.mark.parametrize("content", [b"", b"no video", b"\x1a\x45\xdf\xa3" + bytes(100)])
def test_a_file_that_cannot_be_opened_again_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.mkv"
    path.write_bytes(content)
    with pytest.raises(VerificationFailed, match=r"m\.mkv: the finished file cannot be read again"):
        verify(path, KEPT)


def test_the_spread_of_alpha_is_from_its_least_to_its_largest_sample() -> None:
    picture = av.VideoFrame(4, 2, "yuva420p")
    for plane in range(4):
        plane_array(picture, plane)[:] = 51
    assert alpha_spread(picture) == 0
    plane_array(picture, 3)[0, 1] = 204
    assert alpha_spread(picture) == pytest.approx(0.6)
    assert alpha_spread(av.VideoFrame(4, 2, "yuv420p")) is None
