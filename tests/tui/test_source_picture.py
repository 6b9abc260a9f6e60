"""A frame of a video that is shown beside its name."""

import asyncio
from pathlib import Path

import pytest
from birefnet_video.tui.source_frames import SourceChild
from birefnet_video.tui.source_picture import SourcePicture
from fake_watch import screen_text, until
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from birefnet_video.options.input import InputSpec


class Shows(App[int]):
    """One picture, for which there is no room at first."""

    def compose(self) -> ComposeResult:
        """See Textual."""
        picture = SourcePicture(id="picture")
        picture.display = False
        yield picture


def test_a_frame_that_was_asked_for_before_there_was_room_is_shown_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceChild, "frame", lambda *_: "no [picture]")

    async def walk() -> None:
        app = Shows()
        pilot: Pilot[int]
        async with app.run_test(size=(60, 20)) as pilot:
            picture = app.query_one(SourcePicture)
            picture.show_frame_of(Path("in.mp4"), InputSpec())
            picture.display = True
            assert await until(pilot, lambda: "no [picture]" in screen_text(app))

    asyncio.run(walk())
