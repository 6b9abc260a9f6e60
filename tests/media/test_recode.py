"""Sound that is encoded again keeps its clock: what is missing becomes silence, what comes twice is taken once."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from birefnet_video.sound.codecs import SoundCoding
from birefnet_video.sound.recode import Recoder

RATE = 48000
#: Little enough to be closed up without a word.
SMALL = RATE // 100


@pytest.fixture
def output(tmp_path: Path) -> Iterator[av.container.OutputContainer]:
    with av.open(str(tmp_path / "out.mov"), "w") as container:
        yield container


def block(start: int, value: int, samples: int = 1024) -> av.AudioFrame:
    """Samples of one value, ``start`` samples after the beginning of the clock."""
    frame = av.AudioFrame.from_ndarray(np.full((1, samples), value, np.int16), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame


def recode(
    output: av.container.OutputContainer, frames: list[av.AudioFrame], *, ends_at_next: bool = False
) -> tuple[list[int], list[int], float]:
    """The samples that come out, the times of the packets in samples, and the length in seconds."""
    recoder = Recoder(output, SoundCoding("pcm_s16le", RATE, "mono", "s16"), ends_at_next=ends_at_next)
    packets = [packet for frame in frames for packet in recoder.push(frame)]
    packets += recoder.flush()
    samples = np.concatenate([np.frombuffer(bytes(packet), "<i2") for packet in packets if packet.size])
    times = [round(packet.pts * packet.time_base * RATE) for packet in packets if packet.size]
    return samples.tolist(), times, recoder.length_s


def test_what_has_no_gap_comes_out_as_it_went_in(output: av.container.OutputContainer) -> None:
    samples, times, length_s = recode(output, [block(0, 100), block(1024, 200), block(2048, 300, 500)])
    assert samples == [100] * 1024 + [200] * 1024 + [300] * 500
    assert times == [0, 1024, 2048] and length_s == 2548 / RATE


def test_a_gap_becomes_silence_of_its_length(output: av.container.OutputContainer) -> None:
    # Longer than a second, which is the most that is made at once.
    samples, times, length_s = recode(output, [block(0, 100), block(1024 + 100_000, 200)])
    assert samples == [100] * 1024 + [0] * 100_000 + [200] * 1024
    assert times == list(range(0, 102_048, 1024)) and length_s == 102_048 / RATE


def test_a_gap_that_clocks_explain_is_closed(output: av.container.OutputContainer) -> None:
    samples, _, _ = recode(output, [block(0, 100), block(1024 + SMALL, 200), block(2048 - SMALL, 300)])
    assert samples == [100] * 1024 + [200] * 1024 + [300] * 1024


def test_small_gaps_do_not_add_up(output: av.container.OutputContainer) -> None:
    frames = [block(index * (1024 + SMALL), 100 + index) for index in range(4)]
    samples, _, _ = recode(output, frames)
    # The third comes 960 samples late, no more than is closed, and the fourth 1440, which is.
    assert samples == [100] * 1024 + [101] * 1024 + [102] * 1024 + [0] * (3 * SMALL) + [103] * 1024


def test_a_repetition_is_left_out(output: av.container.OutputContainer) -> None:
    samples, times, length_s = recode(output, [block(0, 100), block(1024, 200), block(0, 100), block(2048, 300)])
    assert samples == [100] * 1024 + [200] * 1024 + [300] * 1024
    assert times == [0, 1024, 2048] and length_s == 3072 / RATE


def test_a_track_that_begins_late_begins_then(output: av.container.OutputContainer) -> None:
    samples, times, length_s = recode(output, [block(5000, 100), block(6024, 200)])
    assert samples == [100] * 1024 + [200] * 1024
    assert times == [5000, 6024] and length_s == 2048 / RATE


def test_a_frame_ends_where_the_next_one_begins_if_that_is_asked(output: av.container.OutputContainer) -> None:
    frames = [block(0, 100), block(600, 200), block(600 + 1024, 300)]
    samples, _, _ = recode(output, frames, ends_at_next=True)
    assert samples == [100] * 600 + [200] * 1024 + [300] * 1024


def test_frames_without_a_time_follow_each_other(output: av.container.OutputContainer) -> None:
    frames = [block(0, 100), block(0, 200)]
    for frame in frames:
        frame.pts = None
    samples, times, _ = recode(output, frames)
    assert samples == [100] * 1024 + [200] * 1024 and times == [0, 1024]


def test_of_nothing_comes_nothing(output: av.container.OutputContainer) -> None:
    recoder = Recoder(output, SoundCoding("pcm_s16le", RATE, "mono", "s16"))
    assert list(recoder.flush()) == [] and recoder.length_s == 0
