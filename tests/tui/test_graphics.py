"""Pictures as pixels over cells: who gets them, what is sent, where it is painted, and when it is painted again."""

import asyncio
import base64
import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from birefnet_video.tui import graphics, iterm, sixel
from birefnet_video.tui.graphics import Protocol, cell_size, chosen, named_by
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.preferences import Preferences
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subjects import Subjects
from fake_watch import FakeApp, FakeWatch, make_store, picture, screen_text, settle, source_frame, until
from PIL import Image
from specs import live_request
from textual.pilot import Pilot

from birefnet_video.options.input import InputSpec
from birefnet_video.renders.record import RecordState

Walk = Callable[["Pixelled", Pilot[int]], Awaitable[None]]


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, Protocol.KITTY),
        ({"TERM": "xterm-ghostty"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Protocol.ITERM),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Protocol.ITERM),
        ({"TERM": "foot"}, Protocol.SIXEL),
        ({"TERM": "foot-extra"}, Protocol.SIXEL),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "230800"}, Protocol.SIXEL),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "210400"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({"TERM": "foot", "SSH_CONNECTION": "a b"}, None),
        ({"TERM": "xterm-kitty", "TEXTUAL_DRIVER": "web"}, None),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, None),
        ({}, None),
    ],
)
def test_only_terminals_that_name_themselves_are_sent_pixels_unasked(
    environment: dict[str, str], protocol: Protocol | None
) -> None:
    assert named_by(environment) is protocol is chosen("auto", environment)


def test_what_is_chosen_is_sent_but_through_nothing_that_cannot_pass_it_on() -> None:
    assert chosen("cells", {"TERM": "xterm-kitty"}) is None
    assert chosen("sixel", {"TERM": "xterm", "SSH_TTY": "/dev/pts/3"}) is Protocol.SIXEL
    assert chosen("iterm2", {"TMUX": "x"}) is None
    assert set(graphics.CHOICES) == {"cells", "auto", *Protocol}


def test_how_large_a_cell_is_says_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.setattr(graphics.sys, "__stderr__", SimpleNamespace(fileno=lambda: slave))
    monkeypatch.setattr(graphics.sys, "__stdin__", None)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 80 * 9, 24 * 19))
    assert cell_size({}) == (9, 19)
    assert cell_size({"WT_SESSION": "x"}) == (10, 20)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    assert cell_size({}) == (8, 16)
    os.close(master)
    os.close(slave)
    assert cell_size({}) == (8, 16)


def painted(sequence: str) -> np.ndarray:
    """What a terminal makes of sixel: uint8 (H, W, 3)."""
    head = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', sequence)
    assert head is not None
    width, height = int(head[1]), int(head[2])
    seen = np.full((-(-height // 6) * 6, width, 3), -1)
    colours: dict[int, list[int]] = {}
    band = column = colour = 0
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])", head[3]):
        if token[1] is not None:
            colour = int(token[1])
            if token[2] is not None:
                colours[colour] = [round(int(level) * 255 / 100) for level in token.groups()[1:4]]
        elif token[8] is not None:
            band, column = band + (token[8] == "-"), 0
        else:
            count, bits = int(token[5] or 1), ord(token[6] or token[7]) - 63
            for row in (row for row in range(6) if bits >> row & 1):
                seen[6 * band + row, column : column + count] = colours[colour]
            column += count
    assert column <= width and (seen[height:] == -1).all()
    return seen[:height]


@pytest.mark.parametrize("size", [(61, 34), (6, 6), (1, 1), (300, 13)])
def test_sixel_is_the_picture_in_fewer_colours(size: tuple[int, int]) -> None:
    flat = np.zeros((size[1], size[0], 3), np.uint8)
    flat[:, size[0] // 2 :] = (10, 177, 64)
    assert np.abs(painted(sixel.sent(flat)) - flat).max() <= 2
    soft = picture(size=size).rgb
    seen = painted(sixel.sent(soft))
    assert seen.min() >= 0 and np.abs(seen - soft).mean() < 12
    assert len(sixel.sent(soft)) < 40 * size[0] * size[1] + 3000


def test_iterm_is_sent_a_file_for_its_cells() -> None:
    rgb = picture(size=(160, 90)).rgb
    head, _, text = iterm.sent(rgb, (40, 11)).removesuffix("\x07").partition(":")
    octets = base64.b64decode(text)
    asked = f"inline=1;size={len(octets)};width=40;height=11;preserveAspectRatio=0;doNotMoveCursor=1"
    assert head == f"\x1b]1337;File={asked}"
    assert np.abs(np.asarray(Image.open(io.BytesIO(octets))).astype(int) - rgb).mean() < 4


class Pixelled(FakeApp):
    """Keeps what is sent."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.sent: list[str] = []

    def write_to_terminal(self, sequence: str) -> None:
        self.sent.append(sequence)


def play(tmp_path: Path, walk: Walk, graphics: str = "sixel") -> None:
    store = make_store(tmp_path)
    app = Pixelled(store, Settings(theme="birefnet-dark"))
    app.preferences = Preferences(graphics=graphics)
    app.begin_with(next(each for each in store.records() if each.state is RecordState.RUNNING), own=False)

    async def run() -> None:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            assert await until(pilot, lambda: app.sent)
            await settle(pilot)
            await walk(app, pilot)

    asyncio.run(run())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*graphics._BETWEEN, *graphics._FAR, "WT_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("birefnet_video.tui.graphics.cell_size", lambda environment: (10, 20))


def test_it_is_painted_into_its_pane_and_again_when_text_was_there(
    tmp_path: Path, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.tui.pixels.BYTES_A_SECOND", 10**12)

    async def walk(app: Pixelled, pilot: Pilot[int]) -> None:
        view = app.screen.query_one("#picture", PictureView)
        watch = app.watch_of(app.store.records()[0])
        assert isinstance(watch, FakeWatch)
        wish = watch.wishes[-1]
        assert wish is not None and (wish.width, wish.height) == (10 * view.size.width, 20 * view.size.height)
        area = view._pixels._area
        assert area is not None and view.content_region.contains_region(area)
        # 88 pixels are nine columns, 50 are three lines.
        assert area.size == (9, 3)
        place, sequence = f"\x1b7\x1b[{area.y + 1};{area.x + 1}H", app.sent[-1]
        assert sequence.startswith(place) and sequence.endswith("\x1b8")
        assert painted(sequence.removeprefix(place).removesuffix("\x1b8")).shape == (50, 88, 3)
        count = len(app.sent)
        assert view._shown is not None
        view.show(view._shown)
        assert len(app.sent) == count
        view.show(255 - picture().rgb)
        assert len(app.sent) == count + 1
        # The figures beside it are written anew all the time.
        app.screen.query_one("#times").refresh()
        app.screen.query_one("#stages").refresh()
        await pilot.pause()
        assert len(app.sent) == count + 1
        view.refresh()
        assert await until(pilot, lambda: len(app.sent) == count + 2 and app.sent[-1] == app.sent[-2])
        # What stands above it stays there.
        await pilot.press("c")
        assert await until(pilot, lambda: app.screen is not view.screen)
        count = len(app.sent)
        view.show(picture().rgb)
        await pilot.pause()
        assert len(app.sent) == count
        await pilot.press("escape")
        assert await until(pilot, lambda: len(app.sent) > count and app.sent[-1].startswith(place))
        view.clear("none")
        await pilot.pause()
        count = len(app.sent)
        view.refresh()
        await pilot.pause()
        assert len(app.sent) == count

    play(tmp_path, walk)


@pytest.mark.parametrize(("graphics", "said"), [("sixel", True), ("kitty", False)])
def test_where_marks_are_drawn_it_is_said_that_pictures_stay_cells(
    graphics: str, said: bool, tmp_path: Path, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    store = make_store(tmp_path)
    live = store.add(live_request("/dev/video0"), folder=tmp_path, queued=False)
    app = Pixelled(store, Settings(theme="birefnet-dark"))
    app.preferences = Preferences(graphics=graphics)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            app.open_render(store.update(live.id, state=RecordState.RUNNING, pid=os.getpid()))
            assert await until(pilot, lambda: "╭─ sent" in screen_text(app))
            assert ("sent, cells: pixels would cover marks" in screen_text(app)) is said
            app.push_screen(SubjectScreen(Subjects(source=Path("in.mp4"), read=InputSpec())))
            assert await until(pilot, lambda: "╭─ frame" in screen_text(app))
            assert ("frame, cells: pixels would cover marks" in screen_text(app)) is said

    asyncio.run(run())


def test_a_note_that_lies_over_it_is_not_painted_over(
    tmp_path: Path, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.tui.pixels.BYTES_A_SECOND", 10**12)

    async def walk(app: Pixelled, pilot: Pilot[int]) -> None:
        view = app.screen.query_one("#picture", PictureView)
        view.show(picture(size=(10 * view.size.width, 20 * view.size.height)).rgb)
        await pilot.pause()
        app.notify("words " * 60, timeout=60)
        assert await until(pilot, lambda: any(each.region.area for each in app.screen.query("Toast")))
        count = len(app.sent)
        view.show(255 - picture(size=(10 * view.size.width, 20 * view.size.height)).rgb)
        await pilot.pause()
        assert len(app.sent) == count
        app.clear_notifications()
        assert await until(pilot, lambda: len(app.sent) > count)

    play(tmp_path, walk, "iterm2")


def test_pictures_wait_until_the_line_is_free(tmp_path: Path, alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def walk(app: Pixelled, pilot: Pilot[int]) -> None:
        view = app.screen.query_one("#picture", PictureView)
        app.line.take(10**9)
        count = len(app.sent)
        first = picture().rgb
        view.show(255 - first)
        view.show(first // 2)
        await pilot.pause()
        assert len(app.sent) == count and app.line.left_s() > 1000
        app.line._free_at = 0.0
        view._pixels._send_next()
        # Only the latest is sent.
        assert len(app.sent) == count + 1
        assert 0 < app.line.left_s() <= len(app.sent[-1]) / 400_000
        assert np.abs(painted(app.sent[-1].partition("H")[2].removesuffix("\x1b8")) - first // 2).mean() < 12

    play(tmp_path, walk)
