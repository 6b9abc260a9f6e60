"""What shells offer where a completion script is loaded."""

import os
import pty
import shlex
import subprocess
from pathlib import Path

#: Stands for the prompt of zsh, so that keys are sent when its editor reads them and not before.
_READY = b"<ready>"
#: Writes what is offered into a file, as the editor gets it. Calls that only ask are passed on.
_ZSH = """
PS1=
autoload -Uz compinit
compinit -D -u
source {script}
compadd() {{
    if [[ ${{@[(I)-[OAD]]}} -gt 0 ]]; then builtin compadd "$@"; return; fi
    local -a offered
    builtin compadd -O offered "$@"
    print -rl -- $offered >> {found}
    builtin compadd "$@"
}}
bindkey '^I' complete-word
zle-line-init() {{ print -n '<ready>' > /dev/tty }}
zle -N zle-line-init
"""


def offered(shell: str, script: Path, line: str, folder: Path) -> list[str]:
    """What a shell offers at the end of a line, sorted.

    Args:
        shell: bash, zsh or fish.
        script: for completion.
        line: as it is typed.
        folder: to be in.
    """
    return sorted({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](script, line, folder))


def _bash(script: Path, line: str, folder: Path) -> list[str]:
    # As readline splits a line.
    words = shlex.split(line.replace("=", " = "))
    if line.endswith(" "):
        words.append("")
    program = "\n".join(
        (
            f"source {shlex.quote(str(script))}",
            f"COMP_WORDS=({' '.join(shlex.quote(word) for word in words)})",
            f"COMP_CWORD={len(words) - 1}",
            'eval "$(complete -p birefnet-video | sed "s/.* -F \\([^ ]*\\) .*/\\1/")"',
            'printf "%s\\n" "${COMPREPLY[@]}"',
        )
    )
    return _lines(["bash", "--norc", "--noprofile", "-c", program], folder)


def _fish(script: Path, line: str, folder: Path) -> list[str]:
    program = f"source {shlex.quote(str(script))}; complete -C {shlex.quote(line)}"
    words = [word.split("\t")[0] for word in _lines(["fish", "--no-config", "-c", program], folder)]
    # It repeats the option that a value belongs to.
    return [word.partition("=")[2] or word for word in words]


def _lines(command: list[str], folder: Path) -> list[str]:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert ran.stderr == "", ran.stderr
    return [line for line in ran.stdout.splitlines() if line]


def _zsh(script: Path, line: str, folder: Path) -> list[str]:
    home = script.with_suffix(".home")
    home.mkdir(exist_ok=True)
    found = home / "found"
    found.write_text("")
    (home / ".zshrc").write_text(_ZSH.format(script=script, found=found))
    ours, its = pty.openpty()
    with subprocess.Popen(
        ["zsh", "-i"],
        cwd=folder,
        env={**os.environ, "ZDOTDIR": str(home), "TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=_take_terminal,
    ) as process:
        os.close(its)
        seen = b""
        while _READY not in seen:
            seen += os.read(ours, 4096)
        os.write(ours, line.encode() + b"\t")
        # Kills the line, then ends the shell.
        os.write(ours, b"\x15exit\n")
        while block := _read(ours):
            seen += block
        process.wait()
    os.close(ours)
    assert b"_arguments:" not in seen and b"not found" not in seen, seen
    return [word.replace("\\", "") for word in found.read_text().splitlines() if word]


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # The other side is closed.
        return b""
