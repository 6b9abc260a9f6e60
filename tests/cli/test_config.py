"""``birefnet-video config`` and what files and variables do to the program, as a shell shows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ready
from clips import make_clip

FAST = 'size = 64\nsmooth = "off"\nbatch_size = 1\nengine = "eager"\nprogress = "none"\n'


class Shell:
    """A user with a folder for settings, who works in another one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.file = folder / "config" / "birefnet-video" / "config.toml"
        self.folder.mkdir()
        self.variables = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}

    def write(self, text: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(text)

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return ready.run(*arguments, folder=self.folder, env={**os.environ, **self.variables, **variables})

    def refused(self, *arguments: str, code: int = 2, **variables: str) -> str:
        """One line."""
        ran = self.run(*arguments, **variables)
        assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
        (line,) = ran.stderr.splitlines()
        return line


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def origins(said: str) -> dict[str, tuple[str, str]]:
    """Values and origins by name, of lines such as ``size = 64  # default``."""
    found = {}
    for line in said.splitlines():
        entry, _, origin = line.removeprefix("# ").rpartition("  # ")
        name, _, value = entry.partition(" =")
        found[name] = (value.strip(), origin)
    return found


FIVE = """\
quality = "fast"
mask_offset = 1
smooth = "high"

[profiles.film]
quality = "best"
mask_offset = 2
"""


@pytest.mark.parametrize("rest", [["--", "in.mp4", "-m", "lite"], ["-m", "lite"]], ids=["behind dashes", "bare"])
def test_five_values_from_four_sources_are_explained(rest: list[str], shell: Shell) -> None:
    shell.write(FIVE)
    variables = {"BIREFNET_VIDEO_MASK_OFFSET": "3", "BIREFNET_VIDEO_SIZE": "512"}
    ran = shell.run("config", "show", "--origin", "--profile", "film", *rest, **variables)
    assert ran.returncode == 0, ran.stderr
    found = origins(ran.stdout)
    assert found["smooth"] == ('"high"', f"{shell.file}:3")
    assert found["quality"] == ('"best"', f"profile film ({shell.file}:6)")
    assert found["mask_offset"] == ("3", "BIREFNET_VIDEO_MASK_OFFSET")
    assert found["size"] == ('"512x512"', "BIREFNET_VIDEO_SIZE")
    assert found["model"] == ('"lite"', "command line (-m)")
    assert {name for name, (_, origin) in found.items() if origin != "default"} == {
        *("smooth", "quality", "mask_offset", "size", "model"),
    }


def test_the_same_is_told_to_programs(shell: Shell) -> None:
    shell.write(FIVE + "background = 'blur'\n")
    ran = shell.run("config", "show", "--json", "--profile", "film", "--", "in.mp4", "-m", "lite")
    (line,) = ran.stdout.splitlines()
    said = json.loads(line)
    assert said["model"] == {"value": "lite", "origin": "command line (-m)"}
    assert said["mask_offset"] == {"value": 2, "origin": f"profile film ({shell.file}:7)"}
    assert said["background"]["value"] is None and said["background"]["left_out"]["needs"] == "--composite FILE"
    assert said["refine"] == {"value": True, "origin": "default"}


def test_what_is_left_out_is_told_with_what_it_needs(shell: Shell) -> None:
    shell.write("background = '#102030'\n")
    found = origins(shell.run("config", "show", "--origin", "--", "in.mp4", "--green", "g.mp4").stdout)
    assert found["background"] == ('"#102030"', f"{shell.file}:1, left out: needs --composite FILE")
    found = origins(shell.run("config", "show", "--origin", "--", "in.mp4", "--composite", "c.mp4").stdout)
    assert found["background"] == ('"#102030"', f"{shell.file}:1")


def test_options_of_other_commands_are_shown(shell: Shell) -> None:
    shell.write("[webcam]\nmirror = true\n")
    for arguments in (["--command", "webcam"], ["--", "webcam", "cam"]):
        found = origins(shell.run("config", "show", "--origin", *arguments).stdout)
        assert found["mirror"] == ("true", f"{shell.file}:2")
    assert "--command: 'webcma' takes no settings (did you mean webcam?)" in shell.refused(
        "config", "show", "--command", "webcma"
    )


def test_a_command_line_that_is_wrong_is_not_explained(shell: Shell) -> None:
    assert "--smooth: 'often' is none of" in shell.refused("config", "show", "--", "in.mp4", "--smooth", "often")
    assert "a value is missing" in shell.refused("config", "show", "--", "in.mp4", "-m")


def test_a_render_takes_what_is_configured(shell: Shell) -> None:
    make_clip(shell.folder / "in.mp4", frames=3)
    shell.write(FAST + "overwrite = true\nbackground = 'blur'\ncodec = 'hevc'\n")
    (shell.folder / "m.mkv").write_bytes(b"old")
    ran = shell.run("in.mp4", "--mask", "m.mkv", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["frames"] == 3
    assert (shell.folder / "m.mkv").stat().st_size > 3
    refused = shell.refused("in.mp4", "--mask", "m.mkv", "--no-overwrite", "-q", code=73)
    assert "exists already" in refused


def test_a_plan_shows_what_is_configured(shell: Shell) -> None:
    make_clip(shell.folder / "in.mp4", frames=3)
    shell.write("codec = 'hevc'\n")
    ran = shell.run("in.mp4", "--green", "g.mp4", "--dry-run")
    assert ran.returncode == 0 and "265" in ran.stdout, ran.stdout + ran.stderr
    ran = shell.run("in.mp4", "--green", "g.mp4", "--dry-run", "--no-config")
    assert ran.returncode == 0 and "264" in ran.stdout, ran.stdout + ran.stderr


def test_a_file_with_an_error_is_one_line_and_help_works(shell: Shell) -> None:
    shell.write("quality = 'best'\nmask_ofset = 3\n")
    said = shell.refused("in.mp4")
    assert said == (f"birefnet-video: error: {shell.file}:2: mask_ofset: is not known (did you mean mask_offset?)")
    assert shell.refused("config", "check") == said == shell.refused("config", "show")
    shell.write("= =")
    for arguments in (["--help"], ["webcam", "--help"], ["--version"], ["config", "path"], ["jobs"]):
        assert shell.run(*arguments).returncode == 0


def test_a_file_without_an_error_is_said_to_have_none(shell: Shell) -> None:
    ran = shell.run("config", "check")
    assert ran.returncode == 0 and f"{shell.file}: is not there" in ran.stdout
    shell.write(FIVE)
    ran = shell.run("config", "check")
    assert ran.returncode == 0 and ran.stdout == f"{shell.file}: 5 values, profiles film; all understood\n"
    assert "BIREFNET_VIDEO_MODLE" in shell.refused("config", "check", BIREFNET_VIDEO_MODLE="x")


def test_what_a_check_says_is_no_order_to_the_terminal(shell: Shell) -> None:
    shell.write('[profiles."\\u001b[31m"]\nsize = 64\n')
    ran = shell.run("config", "check")
    assert ran.returncode == 0 and "profiles \\x1b[31m; all understood" in ran.stdout
    ran = shell.run("config", "show", "--origin", "--profile", "\x1b[31m")
    assert "profile \\x1b[31m (" in ran.stdout and "\x1b" not in ran.stdout


def test_the_path_of_the_file_is_said_whether_it_is_there_or_not(shell: Shell) -> None:
    assert shell.run("config", "path").stdout == f"{shell.file}\n"
    assert shell.run("config", "path", BIREFNET_VIDEO_CONFIG="x.toml").stdout == "x.toml\n"
    assert shell.run("config", "path", "--config", "y.toml", BIREFNET_VIDEO_CONFIG="x.toml").stdout == "y.toml\n"


def test_a_file_that_is_not_there_is_begun_and_then_edited(shell: Shell) -> None:
    ran = shell.run("config", "edit", VISUAL="", EDITOR="true")
    assert ran.returncode == 0 and ": 0 values; all understood" in ran.stdout, ran.stderr
    begun = shell.file.read_text()
    assert '#model = "tiny"' in begun
    editor = shell.folder / "my editor"
    editor.write_text("#!/bin/sh\necho 'mask_ofset = 3' >> \"$2\"\n")
    editor.chmod(0o755)
    line = shell.refused("config", "edit", VISUAL=f"'{editor}' --wait", EDITOR="false")
    assert "mask_ofset: is not known" in line
    assert shell.file.read_text() == begun + "mask_ofset = 3\n"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"EDITOR": "false"}, ["false: has ended with code 1", "config.toml"]),
        ({"EDITOR": "no-such-editor"}, ["no-such-editor: cannot be started", "VISUAL and EDITOR"]),
        ({"EDITOR": "", "PATH": "/nowhere"}, ["there is no editor", "config.toml"]),
    ],
)
def test_an_editor_that_fails_is_said(variables: dict[str, str], words: list[str], shell: Shell) -> None:
    line = shell.refused("config", "edit", **{"VISUAL": "", **variables})
    assert all(word in line for word in words), line


def test_a_file_that_cannot_be_begun_is_said(shell: Shell) -> None:
    shell.file.parent.parent.write_text("no folder")
    assert "cannot be written" in shell.refused("config", "edit", code=73, EDITOR="true")
    # What is no folder holds no settings.
    make_clip(shell.folder / "in.mp4", frames=3)
    assert shell.run("in.mp4", "--mask", "m.mkv", "--dry-run").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such users there")
def test_a_user_without_a_home_folder_has_no_file_but_variables(shell: Shell) -> None:
    start = "\n".join(
        (
            "import os, pwd, sys",
            "from birefnet_video.cli import main",
            "os.environ.pop('HOME', None)",
            "pwd.getpwuid = {}.__getitem__",
            "main(sys.argv[1:])",
        )
    )
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "BIREFNET_VIDEO_MODEL": "lite"}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", start, *arguments]
        return subprocess.run(command, cwd=shell.folder, env=bare, capture_output=True, text=True, timeout=120)

    ran = run("config", "show")
    assert ran.returncode == 0 and 'model = "lite"' in ran.stdout, ran.stderr
    for command in ("path", "edit"):
        ran = run("config", command)
        assert ran.returncode == 73 and "XDG_CONFIG_HOME names one" in ran.stderr, ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_toml_is_read_only_where_there_is_a_file(shell: Shell) -> None:
    program = (
        "import sys\nfrom birefnet_video.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('tomllib' in sys.modules)"
    )

    def reads(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=shell.folder,
            env={**os.environ, **shell.variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()[-1]

    assert reads("missing.mp4") == "False"
    shell.write(FIVE)
    assert reads("missing.mp4") == "True"
    assert [reads("--help"), reads("--version")] == ["False", "False"]


def test_a_render_apart_is_not_configured_again(shell: Shell) -> None:
    from wait import until

    make_clip(shell.folder / "in.mp4", frames=3)
    shell.write(FAST + "mask_offset = 2\n")
    ran = shell.run("in.mp4", "--mask", "m.mkv", "--mask-blur", "0", "--detach")
    assert ran.returncode == 0, ran.stderr
    # What is wrong with the file from now on is nothing to the render that has begun.
    shell.write("= =")

    def ended() -> dict[str, object] | None:
        record = json.loads(shell.run("jobs", "--json").stdout)
        return record if record["state"] in ("finished", "failed") else None

    assert until(lambda: ended() is not None)
    record = ended()
    assert record is not None and record["state"] == "finished", record
    assert "--mask-offset 2" in str(record["command"]) and "--no-config" in str(record["command"])
