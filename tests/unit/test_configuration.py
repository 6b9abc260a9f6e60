"""Values of options from files and variables: who wins, what is refused, and what a call has no use for."""

import json
import tomllib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import pytest
from specs import asked

from birefnet_video import cli
from birefnet_video.configuration.call_only import CALL_ONLY
from birefnet_video.configuration.configuration import Explained
from birefnet_video.configuration.template import in_toml, template
from birefnet_video.configuration.toml_file import key_lines
from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import Blur, PictureFile
from birefnet_video.options.group import Option, options_of
from birefnet_video.options.keywords import FormOptions, RenderOptions
from birefnet_video.options.many import ManySpec
from birefnet_video.options.outputs import CODECS, OutputKind
from birefnet_video.options.request import RenderRequest, from_json, to_json
from birefnet_video.options.run import RunSpec
from birefnet_video.outputs.encodings import codecs_of, encoding_for

CONFIGURATION = cli._CONFIGURATION
SCHEMA = CONFIGURATION.schema
#: Every option of a render that can be configured.
RENDER: dict[str, Option] = {option.name: option for option in SCHEMA.of_command("render")}
#: A value for each that is not its default, as it is typed.
OTHERS = {
    "background": "blur:7", "codec": "hevc", "quality": "best", "verify": "full", "frame_rate": "23.976",
    "resume": "require", "segment": "20", "workers": "2", "ray": "auto",
    "input_alpha": "ignore", "decode_on": "cuda", "max_pixels": "1000", "max_duration": "1:00:00", "model": "lite",
    "size": "512x288", "device": "cpu", "engine": "eager", "precision": "int8", "calibration": "/folder",
    "compose_on": "cpu", "batch_size": "3", "detail": "4096", "max_memory": "8G", "smooth": "off", "threshold": "0.5",
    "mask_offset": "-3",
    "mask_blur": "1.5", "decontaminate": "off", "despill": "green", "progress": "plain",
    "virtual_camera": "auto", "camera_size": "640x480", "rate": "29.97", "camera_format": "mjpeg", "latency": "40",
    "kind": "mask", "format": "tiff", "trim": "5%", "axis": "coronal", "window": "40,400",
    "output": "mask", "frames": "7", "engines": "eager,onnx", "precisions": "fp32,int8", "jobs": "2",
    "tracker": "edgetam", "tracker_margin": "3.5",
}  # fmt: skip
#: A command line with which an option has a use.
WITH = {
    "background": ["in.mp4", "--composite", "c.mp4"],
    "codec": ["in.mp4", "--green", "g.mp4"],
    "calibration": ["in.mp4", "--precision", "int8"],
    "frame_rate": ["shot_%04d.png"],
    "tracker": ["in.mp4", "--subject", "auto"],
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the user's file, or another one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def write(text: str, name: str = "birefnet-video/config.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def in_file(option: Option, text: str | bool) -> str:
    """A line of a file."""
    return in_toml(option, text)


def explained(*arguments: str) -> dict[str, Explained]:
    asked("config", "show", "--json", "--", *arguments)
    return {each.option.name: each for each in CONFIGURATION.explained}


def refusal(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        asked(*arguments)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", RENDER)
@pytest.mark.parametrize("source", ["file", "table", "profile", "environment"])
def test_every_option_means_the_same_wherever_it_stands(
    name: str, source: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = RENDER[name]
    is_flag = isinstance(option.default, bool)
    other: str | bool = not option.default if is_flag else OTHERS[name]
    line = WITH.get(name, ["in.mp4"])
    words = option.words(other) if is_flag else (option.flag, str(other))
    wanted = asked(*line, *words)
    entry = in_file(option, other)
    if source == "environment":
        monkeypatch.setenv(f"BIREFNET_VIDEO_{name.upper()}", str(other))
    else:
        write({"file": "", "table": "[render]\n", "profile": 'profile = "p"\n[profiles.p]\n'}[source] + entry)
    found = asked(*line)
    assert found.spec == wanted.spec and found != asked(*line, "--no-config")
    assert found.run.no_config and not wanted.run.tui


@pytest.mark.parametrize("name", RENDER)
def test_a_request_holds_what_was_configured_and_its_own_words_say_so(name: str, write: Write) -> None:
    option = RENDER[name]
    write(in_file(option, not option.default if isinstance(option.default, bool) else OTHERS[name]))
    request = asked(*WITH.get(name, ["in.mp4"]))
    assert from_json(to_json(request)) == request
    assert asked(*request.arguments) == request
    write('quality = "fast"\nmodel = "general"\n')
    assert asked(*request.arguments) == request


LADDER = ["top", "table", "profile", "profile table", "environment", "command line"]


@pytest.mark.parametrize("low", range(len(LADDER)))
@pytest.mark.parametrize("high", range(len(LADDER)))
def test_the_nearer_one_wins(low: int, high: int, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    if low >= high:
        return
    here = {LADDER[low]: "1", LADDER[high]: "2"}
    lines = [f"mask_offset = {here['top']}"] if "top" in here else []
    lines += ["[render]", f"mask_offset = {here['table']}"] if "table" in here else []
    lines += ["[profiles.p]", f"mask_offset = {here['profile']}"] if "profile" in here else ["[profiles.p]"]
    lines += ["[profiles.p.render]", f"mask_offset = {here['profile table']}"] if "profile table" in here else []
    write("\n".join(lines))
    if "environment" in here:
        monkeypatch.setenv("BIREFNET_VIDEO_MASK_OFFSET", here["environment"])
    words = ["--mask-offset", here["command line"]] if "command line" in here else []
    assert asked("in.mp4", "--profile", "p", *words).spec.matte.mask_offset == 2


def test_defaults_hold_where_nothing_is_written(write: Write) -> None:
    assert asked("in.mp4") == RenderRequest(asked("in.mp4", "--no-config").spec)
    write("")
    assert not asked("in.mp4").run.no_config


def test_a_file_that_is_named_takes_the_place_of_the_users(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('model = "lite"\nquality = "best"\n')
    other = write('model = "general"\n', "other.toml")
    third = write('model = "512"\n', "third.toml")
    request = asked("in.mp4", "--config", str(other), "--green", "g.mp4")
    assert (request.spec.backend.model, request.spec.outputs[0].quality) == ("general", "standard")
    assert request.run.config is None
    monkeypatch.setenv("BIREFNET_VIDEO_CONFIG", str(third))
    assert asked("in.mp4").spec.backend.model == "512"
    assert asked("in.mp4", "--config", str(other)).spec.backend.model == "general"
    assert asked("in.mp4", "--no-config").spec.backend.model == "tiny"


def test_profiles_are_chosen_by_the_command_line_the_environment_or_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('profile = "a"\n' + "".join(f"[profiles.{name}]\nmodel = {name!r}\n" for name in "abc"))
    assert asked("in.mp4").spec.backend.model == "a"
    monkeypatch.setenv("BIREFNET_VIDEO_PROFILE", "b")
    assert asked("in.mp4").spec.backend.model == "b"
    assert asked("in.mp4", "--profile", "c").spec.backend.model == "c"


def test_a_table_is_for_its_command_alone(write: Write) -> None:
    write("mask_blur = 2\n[webcam]\nmirror = true\nmask_blur = 3\n[profiles.x.webcam]\nmask_blur = 4\n")
    webcam = ["webcam", "cam", "--record", "r.mp4"]
    assert asked("in.mp4").spec.matte.mask_blur == 2
    assert asked(*webcam).spec.matte.mask_blur == 3 and asked(*webcam).spec.camera.mirror
    assert asked(*webcam, "--profile", "x").spec.matte.mask_blur == 4
    assert asked("in.mp4", "--profile", "x").spec.matte.mask_blur == 2
    assert not asked(*webcam, "--no-mirror").spec.camera.mirror


def test_a_value_that_only_other_commands_take_is_meant_for_those(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    webcam = ["webcam", "cam", "--record", "r.mp4"]
    write('smooth = "high"\n')
    assert asked("in.mp4").spec.matte.smooth == "high" and asked(*webcam).spec.matte.smooth == "live"
    write('smooth = "off"\n')
    monkeypatch.setenv("BIREFNET_VIDEO_SMOOTH", "high")
    assert asked("in.mp4").spec.matte.smooth == "high" and asked(*webcam).spec.matte.smooth == "off"
    write('[webcam]\nsmooth = "high"\n')
    assert "config.toml:2: smooth: 'high' is none of off, live" in refusal("in.mp4")


def test_both_ways_to_write_a_key_are_understood(write: Write) -> None:
    write("mask-offset = -3\n")
    assert asked("in.mp4").spec.matte.mask_offset == -3
    write("mask-offset = -3\nmask_offset = 2\n")
    assert "config.toml:2: mask_offset: stands there twice" in refusal("in.mp4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mask_ofset = 3", ["config.toml:1: mask_ofset: is not known", "did you mean mask_offset?"]),
        ("\n[webcam]\nmiror = true", ["config.toml:3: miror: is not known", "did you mean mirror?"]),
        ("[webcam]\nverify = 'full'", ["config.toml:2: verify: is no option of webcam", "render"]),
        ("[webcamm]\nmirror = true", ["config.toml:1: [webcamm]", "did you mean [webcam]?"]),
        ("[profiles.x]\nmodle = 'lite'", ["config.toml:2: modle", "did you mean model?"]),
        ("webcam = 3", ["config.toml:1: webcam: is a table", "[webcam]"]),
        ("profiles = 3", ["config.toml:1: profiles: is a table"]),
        ("[profiles]\nx = 3", ["config.toml:2: x: is a table", "[profiles.x]"]),
        ("mask_offset = 300", ["config.toml:1: mask_offset: 300 is no whole number between -100 and 100"]),
        ("mask_offset = 1.5", ["config.toml:1: mask_offset: 1.5 is not a whole number"]),
        ("mask_offset = '3'", ["mask_offset: '3' is not a whole number"]),
        ("mask_offset = true", ["mask_offset: true is not a whole number"]),
        ("mask_blur = 'much'", ["mask_blur: 'much' is not a number"]),
        ("threshold = 1", ["threshold: 1 is not between 0 and 1"]),
        ("overwrite = 'yes'", ["overwrite: 'yes' is not true or false"]),
        ("overwrite = 1", ["overwrite: 1 is not true or false"]),
        ("model = 512", ["model: 512 is not a text in quotes"]),
        ("smooth = 'sometimes'", ["smooth: 'sometimes' is none of off, live, normal, high"]),
        ("size = 100", ["size: 100 is no multiple of 32", "the next one is 96"]),
        ("size = [512, 288]", ["size: a list is not a text in quotes or a number"]),
        ("max_duration = 01:00:00", ["max_duration: 01:00:00 is not a text in quotes or a number"]),
        ("max_pixels = 0", ["config.toml:1: max_pixels: "]),
        ("batch_size = 0", ["batch_size: 0 is less than 1"]),
        ("device = 'toaster'", ["device: 'toaster' is none of auto"]),
        ("codec = 'divx'", ["codec: 'divx' is none of h264"]),
        ("background = 'nothing'", ["background: 'nothing' is no background"]),
        ("engine = 'steam'", ["engine: 'steam' is none of auto, eager"]),
        ("[bench]\nengine = 'eager,steam'", ["config.toml:2: engine: 'steam' is none of auto"]),
        ("[webcam]\nlatency = -1", ["config.toml:2: latency: -1 is no time"]),
        ("profile = 'fsat'\n[profiles.fast]", ["config.toml:1: profile: no profile 'fsat'", "did you mean fast?"]),
        ("profile = 3", ["config.toml:1: profile: no profile '3'", "there are none"]),
        ("a = 1\nb = = 2", ["config.toml:2: is no TOML", "quotes"]),
        ("model = lite", ["config.toml:1: is no TOML", "quotes"]),
        ("model = 'lite", ["config.toml:1: is no TOML"]),
        ("size = 512\nbatch_size = " + "9" * 5000, ["config.toml:2: a number has too many digits"]),
        ("batch_size = 0x" + "f" * 5000, ["config.toml:1: batch_size: is a number of more digits"]),
        ("frame_rate = " + "9" * 4000, ["config.toml:1: frame_rate: is a number of more digits"]),
        ("size = " + "[" * 3000 + "]" * 3000, ["config.toml: is no TOML", "too deep"]),
        (".".join("a" * 3000) + " = 1", ["config.toml: [a]: is no table of a configuration"]),
        ("background = '~nouser/x.jpg'", ["config.toml:1: background: ~nouser/x.jpg: there is no such home folder"]),
        ("model = '~nouser/x.pth'", ["config.toml:1: model: ~nouser/x.pth: there is no such home folder"]),
        ("# a\u2028b\x85c\nmask_ofset = 3", ["config.toml:2: mask_ofset: is not known"]),
        ("# a\u2028b\nmodel = 'lite", ["config.toml:2: is no TOML"]),
        ("[profile]\nx = 1", ["config.toml:1: profile: is the name of a profile, in quotes"]),
        ("profile = []", ["config.toml:1: profile: is the name of a profile, in quotes"]),
        ("[profiles.a]\nprofile = 'b'", ["config.toml:2: profile: is chosen at the top of the file"]),
        ("[webcam]\nprofile = 'b'", ["config.toml:2: profile: is chosen at the top of the file"]),
        ("[profiles.a.webcam]\nprofile = 'b'", ["config.toml:2: profile: is chosen at the top of the file"]),
        ("[profiles.a.profiles.b]", ["config.toml:1: profiles: no table has profiles of its own", "[profiles.NAME]"]),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(text: str, words: list[str], write: Write) -> None:
    write(text)
    said = refusal("in.mp4")
    assert all(word in said for word in words), said
    # What is nothing to a command is told all the same: a slip shows at once.
    assert refusal("webcam", "cam", "--record", "r.mp4") == said
    assert asked("in.mp4", "--no-config").spec.source == Path("in.mp4")


@pytest.mark.parametrize("text", ["size = ", "[render]\nno_such = 1", "profile = 'none'"])
def test_help_needs_no_file_that_is_right(text: str, write: Write) -> None:
    write(text)
    refusal("in.mp4")
    assert asked("--help") is None
    assert asked("webcam", "--help") is None


def test_a_file_that_cannot_be_read_is_said(write: Write, tmp_path: Path) -> None:
    (tmp_path / "birefnet-video" / "config.toml").mkdir(parents=True)
    assert refusal("in.mp4").endswith("config.toml: cannot be read: Is a directory")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"model = '\xe4'")
    assert "latin.toml: is no text in UTF-8" in refusal("in.mp4", "--config", str(path))


def test_a_file_that_begins_with_a_sign_of_its_encoding_is_read(write: Write) -> None:
    write("\ufeffmask_offset = 2\n")
    assert asked("in.mp4").spec.matte.mask_offset == 2
    write("\ufeffmask_ofset = 2\n")
    assert "config.toml:1: mask_ofset: is not known" in refusal("in.mp4")


def test_a_file_in_a_home_that_is_not_there_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "~nouser/x: there is no such home folder"
    for call in (["in.mp4"], ["config", "show"], ["config", "path"], ["config", "check"], ["config", "edit"]):
        assert refusal(*call, "--config", "~nouser/x").startswith(f"--config: {said}")
        assert refusal(*call, "--config", "").startswith("--config: names no file")
    monkeypatch.setenv("BIREFNET_VIDEO_CONFIG", "~nouser/x")
    assert refusal("in.mp4").startswith(f"BIREFNET_VIDEO_CONFIG: {said}")


def test_a_file_that_cannot_be_looked_for_is_said(write: Write) -> None:
    for call in (["in.mp4"], ["config", "show"], ["config", "check"], ["config", "edit"]):
        assert refusal(*call, "--config", "x" * 300).endswith("cannot be read: File name too long")


@pytest.mark.parametrize("variable", ["VISUAL", "EDITOR"])
def test_an_editor_that_is_no_command_is_said(variable: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv(variable, "vi 'x")
    assert refusal("config", "edit").startswith(f'{variable}: "vi \'x" is no command')


@pytest.mark.parametrize(
    "words", [["models", "list"], ["jobs", "cancel"], ["config", "show"], ["probe", "in.mp4"], ["--help"]]
)
def test_what_takes_no_settings_is_not_explained(words: list[str], write: Write) -> None:
    assert refusal("config", "show", "--", *words).startswith(f"{words[0]}: takes no settings (there are render")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile = 'nope'", ["config.toml:1: profile: no profile 'nope'"]),
        ("profile = 5", ["config.toml:1: profile: no profile '5'"]),
        ("[profile]", ["config.toml:1: profile: is the name"]),
        ("[tui]\ntheme = 5", ["config.toml:2: there is no theme 5"]),
        ("[tui]\ntheme = []", ["config.toml:2: there is no theme []"]),
        ("[tui]\nkeys = 3", ["config.toml:2: tui.keys must be a table of texts"]),
        ("[tui.keys]\n'monitor.pause' = 3", ["config.toml:1: tui.keys must be a table of texts"]),
    ],
)
def test_a_check_finds_what_a_later_call_would(text: str, words: list[str], write: Write) -> None:
    write(text)
    said = refusal("config", "check")
    assert all(word in said for word in words), said


def test_a_file_that_is_named_and_not_there_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("in.mp4", "--config", "none.toml") == "--config: none.toml: no such file"
    monkeypatch.setenv("BIREFNET_VIDEO_CONFIG", "none.toml")
    assert refusal("in.mp4") == "BIREFNET_VIDEO_CONFIG: none.toml: no such file"


def test_a_profile_that_is_not_there_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("in.mp4", "--profile", "x") == "--profile: no profile 'x': there is no configuration file"
    path = write("[profiles.stream]\n[profiles.film]")
    assert refusal("in.mp4", "--profile", "steam") == (
        f"--profile: no profile 'steam' in {path} (did you mean stream?)"
    )
    monkeypatch.setenv("BIREFNET_VIDEO_PROFILE", "zzz")
    assert refusal("in.mp4").endswith("(there are stream, film)")
    assert asked("in.mp4", "--profile", "film")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MASK_OFFSET", "300", "BIREFNET_VIDEO_MASK_OFFSET: 300 is no whole number between"),
        ("MASK_OFFSET", "much", "BIREFNET_VIDEO_MASK_OFFSET: 'much' is no whole number"),
        ("OVERWRITE", "perhaps", "BIREFNET_VIDEO_OVERWRITE: 'perhaps' is neither yes nor no"),
        ("MODLE", "lite", "BIREFNET_VIDEO_MODLE: is not known (did you mean BIREFNET_VIDEO_MODEL?)"),
        ("ALPHA", "a.mov", "BIREFNET_VIDEO_ALPHA: names a file of one call"),
        ("NO_CONFIG", "1", "BIREFNET_VIDEO_NO_CONFIG: says where settings come from"),
    ],
)
def test_what_is_wrong_with_a_variable_is_said(
    name: str, value: str, words: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BIREFNET_VIDEO_{name}", value)
    assert words in refusal("in.mp4")


@pytest.mark.parametrize("name", ["IMAGE", "HOME", "VERSION", "TOKEN", "PORT", "URL", "DOCKER_TAG"])
def test_variables_of_other_programs_are_let_be(name: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BIREFNET_VIDEO_{name}", "x")
    assert asked("in.mp4") == RenderRequest(asked("in.mp4", "--no-config").spec)


def test_an_empty_variable_says_nothing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "PROFILE", "CONFIG", "MODLE"):
        monkeypatch.setenv(f"BIREFNET_VIDEO_{name}", "")
    assert asked("in.mp4").spec.backend.model == "tiny"


@pytest.mark.parametrize(("text", "meant"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)])
def test_variables_say_yes_and_no_in_several_words(
    text: str, meant: bool, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIREFNET_VIDEO_REFINE", text)
    assert asked("in.mp4").spec.matte.refine is meant


@pytest.mark.parametrize("command", SCHEMA.commands)
def test_what_is_configured_can_be_undone_on_the_command_line(command: str, write: Write) -> None:
    flags = [option for option in SCHEMA.of_command(command) if isinstance(option.default, bool)]
    assert flags
    needed = {"bench": ["in.mp4"], "export": ["onnx"], "train": ["finetune", "--out", "r"]}.get(command, [])
    call = [*([] if command == "render" else [command]), *(["in.mp4"] if command == "render" else needed)]
    for option in flags:
        write(f"[{command}]\n{option.name} = true\n")
        assert explained(*call)[option.name].value is True
        assert explained(*call, option.negative)[option.name].value is False
        write(f"[{command}]\n{option.name} = false\n")
        assert explained(*call)[option.name].value is False
        assert explained(*call, option.flag)[option.name].value is True


@pytest.mark.parametrize("key", CALL_ONLY)
def test_what_is_a_matter_of_one_call_is_refused_with_the_reason(key: str, write: Write) -> None:
    command = {"record": "webcam", "stream": "webcam", "out": "export", "init": "train", "out_dir": "image"}.get(
        key, "stack" if key in ("series", "volume") else "render"
    )
    write(f"[{command}]\n{key} = 'x'\n")
    assert refusal("in.mp4").endswith(f"config.toml:2: {key}: {CALL_ONLY[key]} (give it on the command line)")


def test_what_can_be_configured_is_known() -> None:
    """An option that is new is either in a list of what a call says for itself, or can be configured."""
    render = {
        key for group in (RenderOptions, RunSpec, ManySpec) for option in options_of(group) for key in option.keys
    }
    outputs = {"alpha", "mask", "green", "composite", "foreground", "id_mask"}
    once = {"start", "end", "to", "duration", "video_track", "patch_order"}
    once |= {"dry_run", "estimate", "look", "detach", "tui", "json", "json_lines", "no_config"}
    once |= {"out_dir", "recursive", "skip_existing", "queue"}
    once |= {"subject", "exclude", "not", "subjects"}
    assert render & CALL_ONLY.keys() == outputs | once | {"config"}
    assert render - CALL_ONLY.keys() - {"one_at_a_time", "profile"} == {*SCHEMA.options("render")}
    assert {option.name for option in SCHEMA.of_command("tui")} == {
        option.name for option in options_of(FormOptions) if option.on_command_line and option.name not in CALL_ONLY
    }


#: Calls that name no option but what they must.
CALLS = [
    ["in.mp4"],
    ["in.mp4", "--alpha", "out.mov"],
    ["in.mp4", "--alpha", "./-"],
    ["in.mp4", "--green", "out.mp4"],
    ["in.mp4", "--mask", "m.mkv"],
    ["in.mp4", "--mask", "m_%d.png"],
    ["in.mp4", "--composite", "out.webm"],
    ["shot_%04d.png", "--alpha", "out.mov"],
    ["webcam", "clip.mp4", "--alpha", "./-"],
    ["webcam", "cam", "--record", "r.mp4"],
    ["image", "a.jpg"],
    ["image", "a.jpg", "--alpha", "a.png"],
    ["image", "a.jpg", "--alpha", "./-"],
    ["image", "a.jpg", "b.jpg", "--out-dir", "cut"],
    ["stack", "a.nii.gz"],
    ["stack", "a.nii.gz", "--mask", "m.nii.gz"],
    ["tui"],
    ["bench", "in.mp4"],
    ["eval", "--pred", "p", "--gt", "g"],
    ["eval", "--video", "v", "--gt", "g"],
    ["export", "onnx"],
    ["export", "tensorrt"],
]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_no_value_of_a_configuration_spoils_a_call_that_has_no_use_for_it(call: list[str], write: Write) -> None:
    command = call[0] if call[0] in SCHEMA.commands else "render"
    for option in SCHEMA.of_command(command):
        write(in_file(option, not option.default if isinstance(option.default, bool) else OTHERS[option.name]))
        # What config show does, and the call itself, which need not read the command line once each.
        carry_out, bound, _ = cli.app.parse_args(call, exit_on_error=False, print_error=False)
        (found,) = (each for each in CONFIGURATION.explained if each.option.name == option.name)
        assert found.needs or found.origin != "default"
        if command == "render":
            spec = carry_out(*bound.args, **bound.kwargs).spec
            assert (spec.input.frame_rate is None) or (spec.input.decode_on == "cpu" and "%" in call[0])
            assert all(encoding_for(output) for output in spec.outputs)


@pytest.mark.parametrize(
    ("text", "call", "name", "useful"),
    [
        ("background = 'blur:7'", ["in.mp4", "--green", "g.mp4"], "background", ["--composite", "c.mp4"]),
        ("codec = 'prores-hq'", ["in.mp4", "--green", "g.mp4"], "codec", ["--composite", "c.mov"]),
        ("codec = 'hevc'", ["in.mp4", "--alpha", "a.mov"], "codec", ["--mask", "m.mp4"]),
        ("calibration = '/x'", ["in.mp4"], "calibration", ["--precision", "int8"]),
        ("precision = 'int8'\ncalibration = '/x'", ["in.mp4", "--precision", "fp32"], "calibration", None),
        ("progress = 'json'", ["in.mp4", "--alpha", "./-"], "progress", None),
        ("[webcam]\nonly_watched = true", ["webcam", "cam", "--record", "r.mp4"], "only_watched", None),
        ("[webcam]\nonly_watched = true", ["webcam", "cam"], "only_watched", ["--virtual-camera", "auto"]),
        ("[image]\nformat = 'webp'", ["image", "a.jpg", "--mask", "m.png"], "format", None),
        ("[image]\nkind = 'mask'", ["image", "a.jpg", "--mask", "m.png"], "kind", None),
        ("background = 'white'", ["image", "a.jpg"], "background", ["--kind", "composite"]),
        ("mask_blur = 2\nthreshold = 0.5", ["stack", "a.nii"], "mask_blur", None),
        ("model = 'lite'", ["eval", "--pred", "p", "--gt", "g"], "model", None),
        ("model = 'lite'", ["eval"], "model", ["--data", "d"]),
        ("jobs = 2", ["eval", "--video", "v", "--gt", "g"], "jobs", None),
        ("precision = 'bf16'", ["export", "onnx"], "precision", None),
        ("[export]\ndynamic_batch = true", ["export", "tensorrt"], "dynamic_batch", None),
        ("calibration = '/x'", ["bench", "in.mp4"], "calibration", ["--precision", "fp32,int8"]),
    ],
)
def test_what_has_no_use_is_left_out_and_explained(
    text: str, call: list[str], name: str, useful: list[str] | None, write: Write
) -> None:
    write(text)
    assert explained(*call)[name].needs
    if useful is not None:
        assert not explained(*call, *useful)[name].needs


def test_on_the_command_line_what_does_not_go_together_stays_an_error(write: Write) -> None:
    write("background = 'blur'\ncodec = 'hevc'\n")
    assert refusal("in.mp4", "--background", "blue") == "--background needs --composite FILE"
    assert refusal("in.mp4", "--codec", "av1").startswith("--codec: the codec of alpha follows")
    assert refusal("in.mp4", "--calibration", "x") == "--calibration: goes with --precision int8"


def test_the_codecs_that_can_be_asked_for_are_those_that_an_output_can_hold() -> None:
    kinds = [kind for kind in get_args(OutputKind) if kind != "alpha"]
    suffixes = (".mov", ".mp4", ".mkv", ".webm", ".png", ".exr")
    assert {codec for kind in kinds for suffix in suffixes for codec in codecs_of(kind, Path(f"x{suffix}"))} == {
        *CODECS
    }


def test_paths_of_a_file_lie_beside_it_and_other_texts_are_what_they_are(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    call = ["in.mp4", "--composite", "c.mp4", "--precision", "int8"]

    def found(text: str) -> tuple[Any, Any, Any]:
        path = write(text)
        spec = asked(*call, "--config", str(path)).spec
        return spec.outputs[0].background, spec.backend.model, spec.backend.calibration

    here = tmp_path / "birefnet-video"
    assert found("background = 'a.jpg'\nmodel = 'w/a.pth'\ncalibration = 'set'") == (
        PictureFile(here / "a.jpg"), str(here / "w/a.pth"), here / "set",
    )  # fmt: skip
    assert found("background = '~/a.jpg'\ncalibration = '/set'")[::2] == (
        PictureFile(tmp_path / "home" / "a.jpg"), Path("/set"),
    )  # fmt: skip
    assert found("background = 'blur:7'\nmodel = 'lite'")[:2] == (Blur(7), "lite")
    # A variable means what the command line would.
    monkeypatch.setenv("BIREFNET_VIDEO_CALIBRATION", "set")
    assert found("")[2] == Path("set")


def test_numbers_are_exact(write: Write) -> None:
    write("frame_rate = 23.976\nsize = 512\nmax_duration = 3600\nmask_blur = 2\n")
    spec = asked("shot_%04d.png").spec
    assert spec.input.frame_rate == Fraction(24000, 1001)
    assert (spec.backend.size, spec.input.max_duration, spec.matte.mask_blur) == ((512, 512), 3600, 2.0)


def test_the_line_of_every_key_is_found() -> None:
    text = """\
a = 1  # b = 2
# c = 3
"q-k" = 4
long = '''
d = 5
[e]
'''
list = [
  1,
]

[t.u]
  v = { w = 6, x = 7 }
y.z = 8
[t]
s = 'x'
[[n]]
m = 1
"""
    assert tomllib.loads(text)
    lines = {".".join(keys): line for keys, line in key_lines(text).items()}
    assert lines == {
        **{"a": 1, "q-k": 3, "long": 4, "list": 8, "t.u": 12, "t.u.v": 13, "t.u.v.w": 13, "t.u.v.x": 13},
        **{"t.u.y": 14, "t.u.y.z": 14, "t": 15, "t.s": 16, "n": 17, "n.m": 18},
    }


def test_windows_line_ends_count_as_lines(write: Write) -> None:
    write("quality = 'fast'\r\n\r\nmask_ofset = 3\r\n")
    assert "config.toml:3: mask_ofset" in refusal("in.mp4")


def test_commands_without_settings_are_not_touched(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("nonsense = = 1")
    monkeypatch.setenv("BIREFNET_VIDEO_MODLE", "x")
    taken: set[str] = {*SCHEMA.commands}
    assert taken == {"render", "webcam", "image", "stack", "bench", "eval", "export", "train", "tui"}
    for command in ("jobs", "attach", "work", "carry-out", "probe", "config"):
        assert command not in taken and command in [*cli.app]


def test_a_new_file_names_every_option_and_sets_nothing(write: Write) -> None:
    text = template(SCHEMA.of_command("render"))
    assert tomllib.loads(text) == {}
    lines = [line[1:] for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    assert {line.partition(" = ")[0] for line in lines if " =" in line} >= {
        name for name in RENDER if RENDER[name].default is not None
    }
    # What has a default may be taken as it stands.
    write("\n".join(line for line in lines if not line.rstrip().endswith("=")))
    assert asked("in.mp4").spec == asked("in.mp4", "--no-config").spec


def test_a_table_of_the_interface_is_left_to_it(write: Write) -> None:
    write('[tui]\ntheme = "pink"\nquality = "best"\n[tui.keys]\n"monitor.pause" = "x"\n')
    assert explained("in.mp4")["quality"].origin == "default"
    assert explained("tui")["quality"].value == "best"
    write('[tui]\nthem = "pink"\n')
    assert "config.toml:2: them: is not known" in refusal("in.mp4")


def test_what_is_shown_can_be_kept_as_a_file(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mask_offset = -3\nsize = '512x288'\nmax_duration = '1:00:00'\nrefine = false\n")
    monkeypatch.setenv("BIREFNET_VIDEO_MASK_BLUR", "1.5")
    wanted = asked("in.mp4").spec
    capsys.readouterr()
    asked("config", "show", "--origin", "--", "in.mp4")
    other = write(capsys.readouterr().out, "other.toml")
    monkeypatch.delenv("BIREFNET_VIDEO_MASK_BLUR")
    assert asked("in.mp4", "--config", str(other)).spec == wanted
    asked("config", "show", "--json", "--", "in.mp4")
    assert json.loads(capsys.readouterr().out)["max_duration"] == {
        "value": "3600", "origin": f"{tmp_path}/birefnet-video/config.toml:3",
    }  # fmt: skip
