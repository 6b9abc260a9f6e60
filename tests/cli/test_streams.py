"""Standard output and error that lack letters, room or a reader, and a folder that is gone."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_clip

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.doctor.showing import print_section
from birefnet_video.streams import Nowhere, can_say

PROGRAM = f"{shlex.quote(sys.executable)} -m birefnet_video"
FAST = "--size 64 --smooth off -b 1 --engine eager --progress none"


def run(line: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """A line of bash in which B is the program."""
    line = line.replace("B ", f"{PROGRAM} ", 1)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), **variables}
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, env=environment, timeout=120)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("line", ["config path --config $'\\xff'", "config edit --config $'\\xff✔'", "$'\\xff✔'"])
def test_every_encoding_takes_every_name(encoding: str, line: str, tmp_path: Path) -> None:
    ran = run(f"B {line}", tmp_path, PYTHONIOENCODING=f"{encoding}:strict", EDITOR="true")
    assert b"Traceback" not in ran.stderr and ran.returncode in (0, 66), ran.stderr
    assert b"udcff" in ran.stdout + ran.stderr


@pytest.mark.slow
def test_a_terminal_without_signs_is_told_in_plain_ones(tmp_path: Path) -> None:
    ran = run("B doctor --no-self-test", tmp_path, PYTHONIOENCODING="ascii")
    assert ran.returncode in (0, 1, 4) and b"\n  + Python " in ran.stdout, ran.stderr
    assert b"\\u" not in ran.stdout


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", "x"), ("cp1252", "x"), ("utf-8", "\u2716")])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_names_in_brackets_are_shown_as_they_are(encoding: str, sign: str, is_terminal: bool) -> None:
    import io

    from rich.console import Console

    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=is_terminal, width=100, color_system=None)
    print_section(Section("[b]Models[/b]", (Finding("[red]mine[/x]", "broken", "[/] is no", "[bold]"),)), console)
    file.flush()
    shown = file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert all(each in shown for each in ("[b]Models[/b]", f"  {sign} ", "[red]mine[/x]", "[/] is no", "[bold]"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
@pytest.mark.parametrize(
    "line", ["models list", "--help", "--version", "config show", "man", "config show -- -i --json"]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_without_room_is_one_line(unbuffered: str, line: str, tmp_path: Path) -> None:
    ran = run(f"B {line} > /dev/full", tmp_path, PYTHONUNBUFFERED=unbuffered)
    (*_, said) = ran.stderr.decode().splitlines()
    assert said.startswith("birefnet-video: error: ") and b"Traceback" not in ran.stderr
    assert "-i" in line or (ran.returncode == 73 and "standard output: cannot be written: No space left" in said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_render_that_cannot_say_how_far_it_is_is_done_and_says_so_once(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=3)
    ran = run(f"B in.mp4 --mask m.mkv {FAST} --json > /dev/full", tmp_path)
    assert ran.returncode == 73 and (tmp_path / "m.mkv").stat().st_size
    assert ran.stderr.decode().splitlines() == [
        "birefnet-video: error: standard output: cannot be written: No space left on device"
    ]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_errors_without_room_still_have_their_code(unbuffered: str, tmp_path: Path) -> None:
    assert run("B no.mp4 2> /dev/full", tmp_path, PYTHONUNBUFFERED=unbuffered).returncode == 66
    assert run("B no.mp4 2>&-", tmp_path).returncode == 66


@pytest.mark.parametrize("line", ["models list", "--help", "--version", "config show", "config show --json", "jobs"])
def test_without_an_output_all_goes_well(line: str, tmp_path: Path) -> None:
    ran = run(f"B {line} >&-", tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert ran.returncode == 0 and b"Traceback" not in ran.stderr, ran.stderr


def test_what_is_said_never_gets_into_a_file_that_is_written(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=3)
    ran = run(f"B in.mp4 --mask m.mkv {FAST} --json 0<&- >&- 2>&-", tmp_path)
    assert ran.returncode == 0 and (tmp_path / "m.mkv").read_bytes()[:4] == b"\x1aE\xdf\xa3"
    ran = run(f"B in.mp4 --alpha - {FAST} >&-", tmp_path)
    assert ran.returncode == 73 and b"-: standard output is closed" in ran.stderr, ran.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("doctor", 66),
        ("/in.mp4 --alpha /o.mov", 66),
        ("in.mp4", 66),
        ("bench /in.mp4", 66),
        ("--version", 0),
        ("doctor --help", 0),
        ("jobs", 0),
    ],
)
def test_a_folder_that_is_gone_is_said(line: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    program = f"{shlex.quote(str(Path(sys.executable).with_name('birefnet-video')))} "
    line = f"cd gone && rmdir ../gone && {program}{line}"
    ran = run(line, tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert ran.returncode == code, ran.stderr
    assert code == 0 or len(ran.stderr.splitlines()) == 1


def test_nowhere_takes_everything_and_is_no_file() -> None:
    nowhere = Nowhere()
    assert nowhere.write("\u2716") == 1 and not nowhere.isatty()
    with pytest.raises(OSError, match="fileno"):
        nowhere.fileno()
    assert not can_say("x", "no such encoding")
