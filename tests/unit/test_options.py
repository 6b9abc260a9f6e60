"""Options are declared once: the command line, Python, the form, JSON and the documentation have the same ones."""

import ast
import inspect
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields
from birefnet_video.tui.form import FIRST, FormValues, form_options
from specs import asked

from birefnet_video import cli
from birefnet_video.api import matte_video
from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import Blur
from birefnet_video.options.group import Option, OptionGroup, options_of, text_of
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.keywords import RenderOptions
from birefnet_video.options.live import CameraSpec, LiveLookSpec, LiveOutputsSpec, LiveSpec, PaceSpec
from birefnet_video.options.many import ManySpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec, NetworkSpec
from birefnet_video.options.outputs import BackgroundSpec, EncodingSpec, OutputsSpec, WritingSpec
from birefnet_video.options.request import LiveRequest, RenderRequest, from_json, to_json
from birefnet_video.options.run import RunSpec, WatchSpec

ROOT = Path(__file__).parents[2]
RENDER = {option.name: option for option in options_of(RenderOptions) if option.on_command_line}
LIVE: dict[str, Option] = {
    option.name: option
    for group in (LiveOutputsSpec, CameraSpec, PaceSpec, NetworkSpec, LiveLookSpec)
    for option in options_of(group)
}
#: A value for each option that is not its default, as it is typed.
OTHERS = {
    "alpha": "a.mov", "mask": "m.mkv", "green": "g.mp4", "composite": "c.mp4", "foreground": "f.mp4", "record": "r.mp4",
    "id_mask": "i.mkv",
    "background": "blur:7", "codec": "hevc", "quality": "best", "verify": "full", "start": "1:02.5", "duration": "3",
    "resume": "require", "segment": "20", "workers": "2", "ray": "auto",
    "end": "1:09",
    "frame_rate": "23.976", "video_track": "2", "input_alpha": "ignore", "decode_on": "cuda", "max_pixels": "1000",
    "max_duration": "1:00:00", "model": "lite", "size": "512x288", "device": "cpu", "engine": "eager",
    "precision": "int8", "calibration": "folder", "compose_on": "cpu", "batch_size": "3", "detail": "4096",
    "smooth": "off", "threshold": "0.5", "mask_offset": "-3", "mask_blur": "1.5", "decontaminate": "off",
    "despill": "green", "virtual_camera": "auto", "stream": "udp://127.0.0.1:9",
    "subject": "point=1,2; anna:5:box=10%,2,30%,4", "exclude": "point=3,4", "subjects": "s.json",
    "camera_size": "640x480", "rate": "29.97", "camera_format": "mjpeg", "latency": "40", "patch_order": "legacy",
    "tracker": "edgetam", "tracker_margin": "3.5",
}  # fmt: skip
#: What an option cannot be without.
WITH = {
    "background": ["composite"],
    "codec": ["green"],
    "calibration": ["precision"],
    "only_watched": ["virtual_camera"],
    "id_mask": ["subject"],
    "tracker": ["subject"],
}


def words(options: dict[str, Option], name: str) -> list[str]:
    """The command line that gives an option another value than its default, and what it needs."""
    made = []
    for each in (*WITH.get(name, []), name):
        if (option := options.get(each)) is None:
            continue
        if isinstance(option.default, bool):
            made += [option.negative if option.default else option.flag]
        else:
            made += [option.flag, OTHERS[each]]
    return made


def test_every_option_has_a_line_of_help_of_its_own() -> None:
    many = {option.name: option for option in options_of(ManySpec)}
    for name, option in {**RENDER, **LIVE, **many}.items():
        assert option.help.endswith("."), name
        assert len(option.help) < 130, name


@pytest.mark.parametrize("name", RENDER)
def test_the_command_line_and_python_mean_the_same(name: str) -> None:
    needed = {each: OTHERS.get(each, True) for each in WITH.get(name, [])}
    value: Any = not RENDER[name].default if isinstance(RENDER[name].default, bool) else RENDER[name].read(OTHERS[name])
    options = RenderOptions(**needed, **{name: value})
    assert getattr(options, name) != RENDER[name].default
    assert asked("in.mp4", *words(RENDER, name)).spec == options.job(Path("in.mp4"))


@pytest.mark.parametrize("name", RENDER)
def test_a_request_survives_json_and_its_own_command_line(name: str) -> None:
    request = asked("in.mp4", *words(RENDER, name))
    assert from_json(to_json(request)) == request
    assert asked(*request.arguments) == request


@pytest.mark.parametrize("name", LIVE)
def test_a_live_request_survives_json_and_its_own_command_line(name: str) -> None:
    outputs = [] if name == "only_watched" else ["--record", "r.mp4"] if name != "record" else []
    request = asked("webcam", "cam", *outputs, *words(LIVE, name))
    assert isinstance(request, LiveRequest)
    assert from_json(to_json(request)) == request
    assert asked(*request.arguments) == request


def test_a_second_output_over_green_keeps_its_place_on_the_command_line() -> None:
    request = asked("in.mp4", "--green", "a.mp4", "--composite", "b.mp4", "--foreground", "c.mp4")
    assert request.arguments == ("in.mp4", "--green", "a.mp4", "--composite", "b.mp4", "--foreground", "c.mp4")
    assert asked(*request.arguments) == request


def test_help_is_read_only_by_those_who_show_it() -> None:
    program = (
        "import sys, birefnet_video.cli, birefnet_video.options.keywords\n"
        "from birefnet_video.options.group import _helps\nprint(_helps.cache_info().currsize)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0"]


def test_json_has_every_option_and_its_version() -> None:
    values = to_json(asked("in.mp4"))
    assert values["version"] == 1 and values["kind"] == "render"
    known = {name for group in values["spec"].values() if isinstance(group, dict) for name in group}
    known |= {name for output in values["spec"]["outputs"] for name in output}
    # Outputs are kept one by one, with their kinds.
    assert set(RENDER) - known <= {"alpha", "mask", "green", "composite", "foreground", "id_mask"}
    assert {option.name for option in options_of(RunSpec)} == set(values["run"])


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda values: values | {"version": 2},
        lambda values: values | {"kind": "dance"},
        lambda values: values | {"more": 1},
        lambda values: values | {"spec": {}},
        lambda values: {**values, "spec": {**values["spec"], "matte": {"smooth": "sometimes"}}},
        lambda values: {**values, "spec": {**values["spec"], "backend": {"size": [100, 100]}}},
        lambda values: {**values, "spec": {**values["spec"], "input": {"begin": 3}}},
        lambda values: [],
    ],
)
def test_json_that_is_none_of_ours_is_refused(spoilt: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_json(spoilt(to_json(asked("in.mp4"))))


def test_the_keywords_of_the_python_function_are_the_options() -> None:
    source, *keywords = inspect.signature(matte_video).parameters.values()
    assert source.name == "source" and {each.name for each in keywords} == set(RENDER)
    assert all(each.default == RENDER[each.name].default for each in keywords)
    assert all(f"    {name}: {option.help}" in str(matte_video.__doc__) for name, option in RENDER.items())
    with pytest.raises(TypeError, match="unexpected keyword"):
        matte_video("in.mp4", alhpa="out.mov")  # type: ignore[call-arg]


def test_the_form_has_all_options_of_its_groups() -> None:
    outputs = {"alpha", "mask", "green", "composite", "foreground", "id_mask"}
    assert set(form_options()) == set(RENDER) - outputs
    assert tuple(form_options())[: len(FIRST)] == FIRST


def test_a_form_asks_for_what_the_command_line_does(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    source = str(tmp_path / "in.mp4")
    for name, option in form_options().items():
        given = {each: OTHERS[each] for each in WITH.get(name, []) if each in form_options()}
        given[name] = not option.default if isinstance(option.default, bool) else OTHERS[name]  # type: ignore[assignment]
        kind = "composite" if name in ("background", "codec") else "alpha"
        values = FormValues(source=source, kind=kind, options=given)
        assert asked(*values.request().arguments) == values.request(), name


def test_what_is_wrong_is_said_with_the_options_name() -> None:
    for group, name, value, message in (
        (MatteSpec, "threshold", 1.0, "--threshold: 1 is not between 0 and 1"),
        (MatteSpec, "smooth", "x", "--smooth: 'x' is none of off, live, normal, high"),
        (InputSpec, "start", "soon", "-ss: 'soon' is no time"),
        (InputSpec, "duration", "0", "-t: 0 is no length of time"),
        (BackendSpec, "size", 100, "--size: 100 is no multiple of 32"),
        (BackendSpec, "batch_size", "many", "--batch-size: 'many' is neither a number nor auto"),
        (CameraSpec, "camera_size", "big", "--camera-size: 'big' is not WIDTHxHEIGHT"),
        (CameraSpec, "rate", "fast", "--rate: 'fast' is no rate"),
        (PaceSpec, "latency", 0.0, "--latency: 0 is no time"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            group(**{name: value})


def test_values_are_typed_as_they_are_read() -> None:
    for value, text in (
        (Fraction(125, 2), "62.5"), (Fraction(3600), "3600"), (Fraction(1, 3), "1/3"), ((288, 512), "512x288"),
        (Blur(7), "blur:7"), (None, ""), (Path("a b"), "a b"),
    ):  # fmt: skip
        assert text_of(value) == text
    assert InputSpec(start="1/3").start == Fraction(1, 3)


def declarations() -> dict[str, list[str]]:
    """Where annotated fields of option groups and parameters of commands are declared, by name."""
    found: dict[str, list[str]] = {}
    for path in [*ROOT.glob("birefnet_video/**/*.py"), *ROOT.glob("tui/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any("option_group" in ast.unparse(d) for d in node.decorator_list):
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                        found.setdefault(line.target.id, []).append(f"{path.name}:{node.name}")
    return found


def test_an_option_is_declared_in_one_place() -> None:
    once = {name: places for name, places in declarations().items() if name in {**RENDER, **LIVE}}
    # The same word for a file's own value, which is made of the option; and mattes without a future, or with all of it,
    # have other choices.
    apart = {"background", "codec", "quality", "smooth"}
    # Pictures are written in other formats.
    apart |= {"alpha", "mask", "green", "composite", "foreground"}
    assert {name: places for name, places in once.items() if len(places) > 1 and name not in apart} == {}
    assert set(once) == {*RENDER, *LIVE}
    assert declarations()["smooth"] == ["matte.py:SmoothSpec", "matte.py:LiveMatteSpec", "stacks.py:StackMatteSpec"]


def test_a_new_option_is_one_field_its_use_and_its_line_in_the_docs() -> None:
    """No other file names an option to hand it on: names of Python code outside the groups are uses of its value."""
    for name, option in RENDER.items():
        listed = subprocess.run(
            ["git", "grep", "-l", "-F", "-e", f'"{max(option.flags, key=len)}"', "--", "birefnet_video", "tui"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        homes = {path for path in listed if not path.startswith("birefnet_video/options/")}
        # One points from a file's extension to the option that writes it; the other compares several engines.
        assert homes <= {"birefnet_video/commands/advice.py", "birefnet_video/commands/bench.py"}, name


def test_options_that_are_documented_exist_and_the_other_way_round() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    undocumented = [
        name
        for name, option in {**RENDER, **{option.name: option for option in options_of(ManySpec)}}.items()
        if not any(flag in text for flag in (*option.flags, option.negative if option.default is True else option.flag))
    ]
    assert undocumented == []


def test_every_group_is_keyword_only_and_frozen() -> None:
    shared = (InputSpec, OutputsSpec, BackendSpec, MatteSpec, ColourSpec, RunSpec, WatchSpec)
    for group in (*shared, ManySpec, CameraSpec, PaceSpec):
        assert all(field.kw_only for field in fields(group))
        with pytest.raises(AttributeError):
            group().__setattr__(fields(group)[0].name, None)
    assert {f.name for f in fields(JobSpec)} >= {"input", "backend", "matte", "colour", "writing"}
    assert isinstance(evolve(LiveSpec("x"), pace=PaceSpec(latency=3)), OptionGroup)
    assert RenderRequest and WritingSpec and BackgroundSpec and EncodingSpec and cli
