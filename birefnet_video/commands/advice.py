"""What was probably meant by a command line that cannot be understood."""

from collections.abc import Sequence
from pathlib import Path

from cyclopts import CycloptsError, UnknownOptionError, UnusedCliTokensError

from birefnet_video.errors import BirefnetVideoError, InputMissing, UsageError
from birefnet_video.words import nearest

#: What people write of other programs' words.
_OTHER_WORDS = {
    "-to": "-t takes a length; -ss where it begins",
    "--threads": "threads are chosen by the machine's cores",
    "help": "birefnet-video --help",
    "queue": "birefnet-video jobs lists it, birefnet-video tui shows it",
}
#: Extensions of outputs, and the option that writes them.
_OUTPUTS = {".mov": "--alpha", ".webm": "--alpha", ".mkv": "--alpha", ".apng": "--alpha", ".mp4": "--green"}


def usage_error(error: CycloptsError, arguments: Sequence[str], commands: Sequence[str]) -> UsageError:
    """An error of the parser in our words, with what to do.

    Args:
        error: of the parser.
        arguments: that it was given.
        commands: names of the program's commands.
    """
    if (other := _other_word(arguments)) is not None:
        return other
    if isinstance(error, UnusedCliTokensError) and (unused := list(error.unused_tokens or ())):
        return _unused(unused, arguments, commands)
    if isinstance(error, UnknownOptionError):
        wrong = next((word for word in arguments if word.startswith("-") and word.partition("=")[0] in str(error)), "")
        near = nearest(wrong, ["--help", "--version"])
        if near is not None:
            return UsageError(f"{wrong}: is not known", hint=f"did you mean {near}?")
    return UsageError(" ".join(str(error).split()))


def _other_word(arguments: Sequence[str]) -> UsageError | None:
    """What to say of a word of another program."""
    word = next((word for word in _OTHER_WORDS if word in arguments), None)
    return None if word is None else UsageError(f"{word}: is not known", hint=_OTHER_WORDS[word])


def _unused(unused: list[str], arguments: Sequence[str], commands: Sequence[str]) -> UsageError:
    first = next((word for word in arguments if not word.startswith("-")), "")
    command = nearest(first, commands) if first not in commands and not Path(first).exists() else None
    if command is not None:
        return UsageError(f"{first}: no such command", hint=f"did you mean {command}?")
    name = Path(unused[0])
    if name.exists():
        return UsageError(
            f"{', '.join(unused[:3])}: one INPUT is taken at a time",
            hint="birefnet-video tui takes a folder; a shell's loop takes many files",
        )
    if name.suffix.lower() in _OUTPUTS:
        return UsageError(f"{name}: is it to be written?", hint=f"{_OUTPUTS[name.suffix.lower()]} {name}")
    return UsageError(f"{', '.join(unused)}: belongs to no option")


def hinted(error: BirefnetVideoError, arguments: Sequence[str], commands: Sequence[str]) -> BirefnetVideoError:
    """An error with a hint where INPUT is a misspelt command, or an option that of another program."""
    if isinstance(error, UsageError) and (other := _other_word(arguments)) is not None:
        return other
    first = next((word for word in arguments if not word.startswith("-")), "")
    if isinstance(error, InputMissing) and "" in arguments:
        return UsageError("INPUT is empty", hint="name a video, for example birefnet-video in.mp4 --alpha out.mov")
    if isinstance(error, InputMissing) and error.hint is None and "." not in first and "/" not in first:
        advice = _OTHER_WORDS.get(first)
        near = nearest(first, commands)
        error.hint = advice or (f"did you mean the command {near}?" if near else None)
    return error
