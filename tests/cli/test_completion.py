"""Shells complete what the parser understands."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from cyclopts import App, Parameter
from shells import offered

from birefnet_video.cli import app
from birefnet_video.options.group import Suggested
from birefnet_video.shell import suggestions
from birefnet_video.shell.bash import bash_script
from birefnet_video.shell.fish import fish_script
from birefnet_video.shell.grammar import grammar_of
from birefnet_video.shell.zsh import zsh_script
from birefnet_video.zoo.known import known_models

SCRIPTS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed"))
    for shell in SCRIPTS
]
FILES = ["My clip.mp4", "bunny.mp4", "in.mp4"]
COMMANDS = [command.name for command in grammar_of(app).commands]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips to complete, and nothing else."""
    folder = tmp_path_factory.mktemp("clips")
    for name in FILES:
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A script for each shell."""
    made = {shell: tmp_path_factory.mktemp("scripts") / shell for shell in SCRIPTS}
    for shell, path in made.items():
        path.write_text(SCRIPTS[shell](grammar_of(app), "birefnet-video"))
    return made


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("birefnet-video --smo", ["--smooth"]),
        ("birefnet-video -s", ["-ss"]),
        ("birefnet-video in.mp4 --smooth ", ["high", "live", "normal", "off"]),
        ("birefnet-video in.mp4 --smooth=h", ["high"]),
        ("birefnet-video webcam --smooth ", ["live", "off"]),
        ("birefnet-video webcam --mirror --late", ["--latency"]),
        ("birefnet-video in.mp4 -m l", [name for name in known_models() if name.startswith("l")]),
        ("birefnet-video in.mp4 --model ", [*known_models(), *FILES]),
        ("birefnet-video in.mp4 --green a.mp4 --codec h264_", ["h264_nvenc"]),
        ("birefnet-video in.mp4 --alpha M", ["My clip.mp4"]),
        ("birefnet-video in.mp4 --size ", []),
        ("birefnet-video b", ["bench", "bunny.mp4"]),
        ("birefnet-video --smooth high b", ["bunny.mp4"]),
        ("birefnet-video in.mp4 webc", []),
        ("birefnet-video probe M", ["My clip.mp4"]),
        ("birefnet-video webcam b", ["bunny.mp4"]),
        ("birefnet-video wor", []),
        ("birefnet-video carry", []),
        ("birefnet-video export o", ["onnx", "openvino"]),
        ("birefnet-video train fine", ["finetune"]),
        ("birefnet-video completion ", ["bash", "fish", "zsh"]),
        ("birefnet-video jobs b", []),
    ],
)
def test_a_shell_offers_what_the_parser_takes(
    shell: str, line: str, words: list[str], folder: Path, scripts: dict[str, Path]
) -> None:
    assert offered(shell, scripts[shell], line, folder) == sorted(words)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_and_command_is_offered(shell: str, folder: Path, scripts: dict[str, Path]) -> None:
    assert set(COMMANDS) <= set(offered(shell, scripts[shell], "birefnet-video ", folder))
    for command in grammar_of(app).walk():
        line = " ".join(["birefnet-video", *command.path, "--"])
        long = {name for option in command.options for name in option.names if name.startswith("--")}
        known = set(offered(shell, scripts[shell], line, folder))
        # Of several names for one option zsh offers one at a time.
        assert known <= long and len(known) >= len(long) - (shell == "zsh"), line


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_of_commands_are_offered_too(shell: str, tmp_path: Path) -> None:
    program = App(name="birefnet-video", help_format="plaintext")
    program.command(models := App(name="models", help="Networks: [all] of 'them'."))

    @models.command
    def get(name: str, /, *, size: Literal["small", "large"] = "small") -> None:
        """Get one."""

    @models.command
    def forget(*, everything: Annotated[bool, Parameter(negative=())] = False) -> None:
        """Forget one."""

    script = tmp_path / shell
    script.write_text(SCRIPTS[shell](grammar_of(program), "birefnet-video"))
    assert offered(shell, script, "birefnet-video mod", tmp_path) == ["models"]
    assert {"forget", "get"} <= set(offered(shell, script, "birefnet-video models ", tmp_path))
    assert offered(shell, script, "birefnet-video models get x --size ", tmp_path) == ["large", "small"]
    assert offered(shell, script, "birefnet-video models forget --ev", tmp_path) == ["--everything"]


#: Names that a folder of a model can have.
WORDS = [
    "$(touch pwn)", "`touch pwn`", "';touch pwn;'", '";touch pwn;"', "(touch pwn)", "a b", "a;b", "$HOME", "a\\b",
    "a\\:b", "*", "~", "{x,y}", "it's", "a:b[c]", "plain", "grün", "#x", "<(touch pwn)", "${(e):-$(touch pwn)}", "!x",
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", ["get --model ", "get --either ", "get ", "get --model=p"])
def test_no_word_is_an_order_to_the_shell(
    shell: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suggestions._KINDS, "models", lambda: (*WORDS, "new\nline", "bell\a", "", "\udcff"))
    program = App(name="birefnet-video", help_format="plaintext")

    @program.command
    def get(
        name: Annotated[str, Suggested("models")],
        /,
        *,
        model: Annotated[str, Suggested("models")] = "",
        either: Annotated[str, Suggested("models", or_file=True)] = "",
    ) -> None:
        """Get one."""

    folder = tmp_path / "clips"
    folder.mkdir()
    script = tmp_path / shell
    script.write_text(SCRIPTS[shell](grammar_of(program), "birefnet-video"))
    found = offered(shell, script, f"birefnet-video {line}", folder)
    wanted = [word for word in WORDS if word.startswith(line.partition("=")[2])]
    if shell == "bash" and "either" not in line:
        # As they are put into the line: quoted.
        found = [_last(word) for word in found]
    assert sorted(word.replace("\\", "") for word in found) == sorted(word.replace("\\", "") for word in wanted)
    assert not [*folder.iterdir()]


def _last(word: str) -> str:
    """What bash makes of a word."""
    ran = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True)
    return ran.stdout


def test_the_command_prints_the_script_and_loads_no_network() -> None:
    program = (
        "import sys\nfrom birefnet_video.cli import main\n"
        "try:\n    main(['completion', 'bash'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print([m for m in ('torch', 'cv2', 'timm', 'textual') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == bash_script(grammar_of(app), "birefnet-video") + "[]\n"
