"""A model that is not here is fetched from the form, or not."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.fetching import FetchDialog
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.new import NewScreen
from fake_watch import FakeApp, make_app, make_store, screen_text, until
from hub import COMMIT, Hub, running_hub
from textual.pilot import Pilot

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    with running_hub(net=CONTENT) as found:
        for kind in ("DATA", "STATE", "CONFIG"):
            monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        # Read from the environment when it was imported.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        row = {
            "repository": "test/net",
            "revision": COMMIT,
            "file": "model.safetensors",
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "licence": "MIT",
            "use": "tests",
        }
        folder = tmp_path / "data" / "birefnet-video" / "models" / "net"
        folder.mkdir(parents=True)
        (folder / "model.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items()))
        (tmp_path / "in.mp4").write_bytes(b"x")
        yield found


async def ask(app: FakeApp, pilot: Pilot[int], tmp_path: Path) -> None:
    app.push_screen(NewScreen(FormValues(source=str(tmp_path / "in.mp4"), options={"model": "net"})))
    assert await until(pilot, lambda: "is fetched first" in screen_text(app))
    await pilot.press("ctrl+s")
    assert await until(pilot, lambda: isinstance(app.screen, Choice))
    assert "net (1 MB, MIT) is not on this machine" in screen_text(app)


def test_it_is_asked_for_fetched_and_the_render_begins(hub: Hub, tmp_path: Path) -> None:
    app = make_app(make_store(tmp_path), monitor=False)
    begun: list[str] = []
    app.asking.begin = lambda values, frames, *, queued: begun.append(values.request().spec.backend.model)  # type: ignore[method-assign]

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await ask(app, pilot, tmp_path)
            assert not begun
            await pilot.press("f")
            assert await until(pilot, lambda: begun == ["net"])

    asyncio.run(run())
    assert [path.read_bytes() for path in (tmp_path / "hf").rglob("model.safetensors")] == [CONTENT]


def test_what_goes_wrong_is_said_and_nothing_begins(hub: Hub, tmp_path: Path) -> None:
    hub.sends["test/net/model.safetensors"] = bytes(len(CONTENT))
    app = make_app(make_store(tmp_path), monitor=False)
    begun: list[object] = []
    app.asking.begin = lambda *args, **keywords: begun.append(args)  # type: ignore[method-assign]

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await ask(app, pilot, tmp_path)
            await pilot.press("escape")
            assert await until(pilot, lambda: isinstance(app.screen, NewScreen))
            await pilot.press("ctrl+s")
            assert await until(pilot, lambda: isinstance(app.screen, Choice))
            await pilot.press("f")
            assert await until(pilot, lambda: any("another file" in each for each in app.notes))
            assert not isinstance(app.screen, FetchDialog)

    asyncio.run(run())
    assert begun == [] and not list((tmp_path / "hf").rglob("model.safetensors"))
