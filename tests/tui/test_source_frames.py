"""Frames of an input come from another process, at any time and in any size."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from birefnet_video.tui.source_frames import SourceChild, SourceFrame
from clips import make_clip

from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.options.input import InputSpec
from birefnet_video.pipeline.showing import Showing

CLIPS = Path(__file__).parents[1] / "data" / "clips"


def frame(child: SourceChild, time: Fraction | int, size: tuple[int, int] = (80, 48)) -> SourceFrame:
    found = child.frame(Fraction(time), size)
    assert isinstance(found, SourceFrame), found
    return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", frames=30)


def test_each_time_has_its_frame(clip: Path) -> None:
    child = SourceChild(clip, InputSpec())
    first = frame(child, 0)
    assert first.time == 0 and first.rgb.shape == (48, 80, 3)
    second = frame(child, Fraction(51, 100))
    assert abs(second.time - Fraction(1, 2)) < Fraction(1, 25) and (second.rgb != first.rgb).any()
    assert frame(child, 99).time == frame(child, Fraction(119, 100)).time
    assert frame(child, second.time).time == second.time
    assert np.array_equal(frame(child, 0).rgb, first.rgb)
    child.stop()


@pytest.mark.parametrize(("size", "shape"), [((200, 30), (30, 50)), ((16, 200), (10, 16)), ((1, 1), (2, 1))])
def test_the_picture_fits(clip: Path, size: tuple[int, int], shape: tuple[int, int]) -> None:
    child = SourceChild(clip, InputSpec())
    assert frame(child, 0, size).rgb.shape == (*shape, 3)
    child.stop()


@pytest.mark.parametrize("name", ["in_prores4444.mov", "in_vp9_alpha.webm", "without.mp4"])
def test_a_matte_is_alpha_or_brightness(name: str, tmp_path: Path) -> None:
    clip = CLIPS / name if (CLIPS / name).exists() else make_clip(tmp_path / name, frames=3)
    whole = next(read_mattes(clip))
    height, width = whole.shape
    rgb, begins = Showing(clip, InputSpec(), matte=True).picture(Fraction(0), width, height)
    assert begins == 0 and rgb.shape == (height, width, 3) and np.ptp(rgb) > 100
    assert np.abs(rgb - 255 * whole[..., None]).max() <= 1
    small, _ = Showing(clip, InputSpec(), matte=True).picture(Fraction(0), width // 4, height // 4)
    assert abs(small.mean() - rgb.mean()) < 4


def test_a_part_begins_with_its_first_frame(clip: Path) -> None:
    child = SourceChild(clip, InputSpec(start=Fraction(2, 5), duration=Fraction(2, 5)))
    assert frame(child, 0).time == Fraction(2, 5)
    assert frame(child, 5).time == Fraction(19, 25)
    child.stop()


def test_what_is_no_video_is_said_and_the_process_stays(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    child = SourceChild(tmp_path / "in.mp4", InputSpec())
    assert "in.mp4" in str(child.frame(Fraction(0), (8, 8)))
    assert "in.mp4" in str(child.frame(Fraction(1), (8, 8)))
    child.stop()


def test_a_process_that_was_killed_is_said_and_begun_again(clip: Path) -> None:
    child = SourceChild(clip, InputSpec())
    frame(child, 0)
    assert child._process is not None
    child._process.kill()
    child._process.wait()
    frame(child, 0)
    child._command = [sys.executable, "-c", ""]
    child._process.kill()
    child._process.wait()
    assert child.frame(Fraction(0), (8, 8)) == "the input cannot be shown: its decoder has ended"
    child.stop()


def test_nobody_waits_for_what_is_not_wanted(clip: Path) -> None:
    child = SourceChild(clip, InputSpec())
    assert child.frame(Fraction(0), (8, 8), lambda: False) is None and child._process is None
    child.stop()
    assert child.frame(Fraction(0), (8, 8)) is None
