"""Pictures in cells, and numbers in words."""

from pathlib import Path

import numpy as np
import pytest
from birefnet_video.tui.behind import over
from birefnet_video.tui.pictures import View, half_blocks, paint, shades
from birefnet_video.tui.text import bar, clock, count, pace, progress, shortened, size, sparkline
from fake_watch import picture
from PIL import Image

from birefnet_video.options.backgrounds import parse_background


def test_views_are_what_they_are_called() -> None:
    frame = picture(size=(40, 20))
    assert np.array_equal(paint(frame, View.SOURCE), frame.rgb)
    assert np.array_equal(paint(frame, View.MATTE)[..., 1], frame.alpha)
    green = paint(frame, View.GREEN)
    assert tuple(green[0, 0]) == (0, 177, 64)
    opaque, clear = frame.alpha == 255, frame.alpha == 0
    composite = paint(frame, View.COMPOSITE)
    assert np.array_equal(composite[opaque], frame.rgb[opaque])
    assert set(np.unique(composite[clear])) == {102, 153}


def test_a_wipe_shows_the_source_on_its_left() -> None:
    frame = picture(size=(40, 20))
    wiped = paint(frame, View.MATTE, 0.5)
    assert np.array_equal(wiped[:, :20], frame.rgb[:, :20])
    assert (wiped[:, 20] == 255).all() and np.array_equal(wiped[:, 21:, 0], frame.alpha[:, 21:])
    assert np.array_equal(paint(frame, View.MATTE, 1.0), frame.rgb)


def test_a_chosen_background_is_behind_the_frame(tmp_path: Path) -> None:
    frame = picture(size=(40, 20))
    clear, opaque = frame.alpha == 0, frame.alpha == 255
    Image.new("RGB", (30, 90), (9, 8, 200)).save(tmp_path / "blue.png")
    for said, colour in (("#102030", (16, 32, 48)), (str(tmp_path / "blue.png"), (9, 8, 200))):
        seen = over(frame.rgb, frame.alpha, parse_background(said))
        assert seen is not None and (seen[clear] == colour).all() and (seen[opaque] == frame.rgb[opaque]).all()
    blurred = over(frame.rgb, frame.alpha, parse_background("blur:200"))
    assert blurred is not None and blurred[clear].std(0).max() < frame.rgb[clear].std(0).max()
    for nothing in ("loop.mp4", str(tmp_path / "none.png")):
        assert over(frame.rgb, frame.alpha, parse_background(nothing)) is None


def test_cells_hold_two_pixels_and_runs_are_joined() -> None:
    rgb = np.zeros((4, 10, 3), np.uint8)
    rgb[0, :5] = (255, 0, 0)
    first, second = half_blocks(rgb)
    assert [segment.text for segment in first] == ["▀" * 5, "▀" * 5] and len(list(second)) == 1
    red = next(iter(first)).style
    assert red is not None and red.color is not None and red.color.triplet is not None
    assert red.color.triplet.red > 240 and red.color.triplet.green < 10
    assert all(segment.style is not None for strip in shades(rgb) for segment in strip)
    bright = np.full((2, 3, 3), 255, np.uint8)
    assert shades(bright)[0].text == "███"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (clock(3661.4), "01:01:01"),
        (clock(None), "--:--:--"),
        (size(999), "999 B"),
        (size(812_000_000), "812 MB"),
        (size(1_270_000_000), "1.27 GB"),
        (pace(61.34), "61.3 fps"),
        (pace(0.5), "2.0 s/frame"),
        (pace(0), "-- fps"),
        (count(6581), "6 581"),
        (bar(0.5, 4), "██░░"),
        (bar(7, 4), "████"),
        (progress(0.5, 4), "━━╺─"),
        (progress(1, 4), "━━━━"),
        (sparkline([0, 1, 2], 4), " ▁▅█"),
        (sparkline([], 3), "   "),
        (shortened("interview.mp4", 9), "inte….mp4"),
        (shortened("x", 9), "x"),
    ],
)
def test_numbers_in_words(said: str, expected: str) -> None:
    assert said == expected
