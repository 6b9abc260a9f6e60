"""A new render begins with what is configured."""

import asyncio
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from birefnet_video.tui.children import Facts, _frame_arguments
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.start import _words
from fake_watch import make_app, make_store, screen_text, until
from specs import asked
from textual.widgets import Checkbox, Input, Select

from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.keywords import FormOptions

CONFIGURED = """\
model = "general"
quality = "best"
mask_offset = -3
overwrite = true
background = "#102030"
codec = "hevc"
refine = false
[tui]
theme = "birefnet-light"
quality = "fast"
"""


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FormValues:
    """What the interface is opened with."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "birefnet-video").mkdir()
    (tmp_path / "birefnet-video" / "config.toml").write_text(CONFIGURED)
    (tmp_path / "in.mp4").write_bytes(b"x")
    (tmp_path / "shot_%04d.png").write_bytes(b"x")
    taken: list[tuple[Path, FormOptions, ConfigSpec]] = []

    def open_home(source: Path, options: FormOptions, chosen: ConfigSpec) -> int:
        taken.append((source, options, chosen))
        return 0

    monkeypatch.setattr("birefnet_video.tui.start.open_home", open_home)
    assert asked("tui", "in.mp4", "--smooth", "off") == 0
    ((source, options, chosen),) = taken
    assert source == Path("in.mp4") and chosen.no_config
    return FormValues.beginning(options, no_config=chosen.no_config)


def with_source(values: FormValues, tmp_path: Path, **changes: object) -> FormValues:
    return replace(values, source=str(tmp_path / "in.mp4"), **changes)  # type: ignore[arg-type]


def test_fields_begin_with_what_is_configured(begun: FormValues, tmp_path: Path) -> None:
    async def walk() -> None:
        app = make_app(make_store(tmp_path), monitor=False)
        async with app.run_test(size=(120, 40)) as pilot:
            screen = NewScreen(with_source(begun, tmp_path))
            app.push_screen(screen)
            await pilot.pause()
            assert screen.query_one("#model", Select).value == "general"
            assert screen.query_one("#quality", Select).value == "fast"
            assert screen.query_one("#smooth", Select).value == "off"
            assert screen.query_one("#mask_offset", Input).value == "-3"
            assert screen.query_one("#overwrite", Checkbox).value
            assert not screen.query_one("#refine", Checkbox).value
            assert screen.values == with_source(begun, tmp_path)

    asyncio.run(walk())


def test_a_network_that_is_no_known_one_can_be_begun_with(tmp_path: Path) -> None:
    async def walk() -> None:
        app = make_app(make_store(tmp_path), monitor=False)
        async with app.run_test(size=(120, 40)) as pilot:
            screen = NewScreen(FormValues(options={"model": "/weights/mine.pth"}))
            app.push_screen(screen)
            await pilot.pause()
            assert screen.values.options == {"model": "/weights/mine.pth"}
            assert await until(pilot, lambda: "mine.pth" in screen_text(app))

    asyncio.run(walk())


def test_every_new_form_begins_so(begun: FormValues, tmp_path: Path) -> None:
    async def walk() -> None:
        app = make_app(make_store(tmp_path), monitor=False)
        app._blank = begun
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("n")
            assert await until(pilot, lambda: isinstance(app.screen, NewScreen))
            await pilot.pause()
            assert app.screen.values.options == begun.options  # type: ignore[attr-defined]

    asyncio.run(walk())


def test_what_has_no_use_is_left_out_and_what_was_typed_stays_an_error(begun: FormValues, tmp_path: Path) -> None:
    values = with_source(begun, tmp_path)
    assert set(values.problems()) <= {"model"}
    assert values.request().spec.outputs[0].codec is None
    green = with_source(begun, tmp_path, kind="green")
    assert green.request().spec.outputs[0].codec == "hevc"
    composite = with_source(begun, tmp_path, kind="composite").request().spec.outputs[0]
    assert (composite.codec, str(composite.background)) == ("hevc", "#102030")
    typed = with_source(begun, tmp_path, options={**begun.options, "codec": "av1"})
    assert "codec of alpha" in typed.problems()["codec"]


def test_calibration_can_be_typed_before_or_after_its_precision(tmp_path: Path) -> None:
    values = with_source(FormValues(), tmp_path, options={"calibration": str(tmp_path), "precision": "int8"})
    (tmp_path / "in.mp4").write_bytes(b"x")
    assert values.problems() == {}
    alone = with_source(FormValues(), tmp_path, options={"calibration": str(tmp_path)})
    assert "--precision int8" in alone.problems()["calibration"]


def test_the_command_of_a_form_asks_for_the_same_wherever_it_is_typed(begun: FormValues, tmp_path: Path) -> None:
    values = with_source(begun, tmp_path)
    request = values.request()
    assert "--no-config" in request.arguments and asked(*request.arguments) == request
    back = with_source(begun, tmp_path, options={})
    assert asked(*back.request().arguments) == back.request()
    assert back.request().spec.backend.model == "tiny"


def test_one_frame_is_rendered_as_the_form_says(begun: FormValues, tmp_path: Path) -> None:
    values = with_source(begun, tmp_path, options={})
    arguments = [word if word != "-" else "./-" for word in _frame_arguments(values, Facts(rate=25.0))]
    assert asked(*arguments).spec.backend.model == "tiny"


def test_a_browser_is_shown_the_same_form(begun: FormValues) -> None:
    options = FormOptions(model="tiny", mask_offset=5, no_audio=True)
    words = _words(options, ConfigSpec())
    assert shlex.split(shlex.join(words)) == words
    taken: list[FormOptions] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("birefnet_video.tui.start.open_home", lambda source, options, chosen: taken.append(options) or 0)
        asked("tui", *words)
    # What has no value in the browser's form cannot be taken away from the file's.
    assert taken == [FormOptions(model="tiny", mask_offset=5, no_audio=True, background="#102030", codec="hevc")]


def test_the_interface_loads_nothing_heavy_for_what_is_configured(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom birefnet_video.tui.form import FormValues\n"
        "options = {'codec': 'hevc', 'frame_rate': '24', 'decode_on': 'cuda', 'calibration': 'x'}\n"
        "FormValues(source='in.mp4', options=options, usual=options).request()\n"
        "print([m for m in ('torch', 'av', 'cv2', 'timm') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.splitlines()[-1] == "[]", ran.stdout
