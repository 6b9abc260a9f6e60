"""Pictures as pixels: only to terminals that say that they take them, and cells that stand for what was sent."""

import asyncio
import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from birefnet_video.tui import graphics, kitty
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.preferences import Preferences
from birefnet_video.tui.settings import Settings
from fake_watch import FakeApp, FakeWatch, make_store, picture, screen_text, until
from PIL import Image
from rich.cells import cell_len

from birefnet_video.renders.record import RecordState


def test_what_is_sent_is_the_picture_in_short_messages() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    messages = re.findall(r"\x1b_G(.*?);(.*?)\x1b\\", kitty.sent(77, rgb, (40, 11)))
    assert messages[0][0] == "a=T,U=1,i=77,f=100,c=40,r=11,q=2,m=1" and messages[-1][0] == "q=2,m=0"
    assert len(messages) > 2 and all(len(text) <= 4096 for _, text in messages)
    packed = base64.b64decode("".join(text for _, text in messages))
    assert (np.asarray(Image.open(io.BytesIO(packed))) == rgb).all()


def test_cells_keep_the_shape_and_fit() -> None:
    assert kitty.cells_for((1080, 1920), (96, 27)) == (96, 27)
    assert kitty.cells_for((1080, 1920), (200, 10)) == (36, 10)
    assert kitty.cells_for((1920, 1080), (96, 20)) == (22, 20)
    assert kitty.cells_for((1, 9000), (3, 3)) == (3, 1)


def test_each_cell_says_which_part_it_is_and_is_as_wide_as_one() -> None:
    strips = kitty.placed(0x010203, 5, 3)
    assert [strip.cell_length for strip in strips] == [5, 5, 5]
    (segment,) = strips[2]
    assert segment.style is not None and segment.style.color is not None
    assert tuple(segment.style.color.triplet or ()) == (1, 2, 3)
    assert cell_len(segment.text) == 5 and segment.text.startswith("\U0010eeee" + kitty.MARKS[2] + kitty.MARKS[0])
    assert len(set(kitty.MARKS)) == len(kitty.MARKS) >= 128 and {cell_len(mark) for mark in kitty.MARKS} == {0}


class Kitty(FakeApp):
    """In such a terminal; keeps what is sent."""

    sent = ""

    def write_to_terminal(self, sequence: str) -> None:
        self.sent += sequence


def test_the_monitor_asks_for_pixels_and_sends_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    for name in (*graphics._BETWEEN, *graphics._FAR):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("birefnet_video.tui.pixels.BYTES_A_SECOND", 10**12)
    store = make_store(tmp_path)
    app = Kitty(store, Settings(theme="birefnet-dark"))
    app.preferences = Preferences(graphics="auto")
    record = next(each for each in store.records() if each.state is RecordState.RUNNING)
    app.begin_with(record, own=False)

    async def walk() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            assert await until(pilot, lambda: "\U0010eeee" in screen_text(app))
            watch = app.watch_of(record)
            assert isinstance(watch, FakeWatch)
            view = app.screen.query_one("#picture", PictureView)
            wish = watch.wishes[-1]
            assert wish is not None and (wish.width, wish.height) == (8 * view.size.width, 16 * view.size.height)
            before = app.sent.count("a=T")
            view.show(view._shown)  # type: ignore[arg-type]
            assert app.sent.count("a=T") == before
            view.show(255 - picture().rgb)
            assert app.sent.count("a=T") == before + 1
            # Cells again, without a word to the terminal.
            app.prefer(graphics="cells")
            view.show(picture().rgb)
            assert app.sent.count("a=T") == before + 1

    asyncio.run(walk())
    assert "a=d,d=I" in app.sent
