"""The completion script for fish."""

from collections.abc import Iterator

from birefnet_video.shell.grammar import Command, Taken
from birefnet_video.shell.quoting import is_plain


def fish_script(grammar: Command, program: str) -> str:
    """A script that completes the words of a program in fish."""
    name = "__" + program.replace("-", "_")
    lines = [
        f"# Completion of {program} in fish, made by: {program} completion fish",
        f"function {name}_at -d 'Whether the words before the cursor are at a command'",
        "    set -l words (commandline -opc)",
        "    set -e words[1]",
        "    set -l path",
        "    for word in $words",
        f"        contains -- (string join -- ' ' $path $word) {' '.join(_paths(grammar))}; or break",
        "        set -a path $word",
        "    end",
        '    test "$path" = "$argv[1]"; or return 1',
        "    # Commands are the first words only.",
        '    test "$argv[2]" != first -o (count $words) -eq (count $path)',
        "end",
        "",
        f"complete -c {program} -e",
    ]
    for command in grammar.walk():
        lines += _lines(command, program, name)
    return "\n".join([*lines, ""])


def _paths(grammar: Command) -> list[str]:
    return [_quoted(" ".join(command.path)) for command in grammar.walk() if command.path]


def _lines(command: Command, program: str, name: str) -> Iterator[str]:
    path = _quoted(" ".join(command.path))
    begin = f"complete -c {program} -n {_quoted(f'{name}_at {path}')}"
    if not any(place.takes_files for place in command.places):
        yield f"{begin} -f"
    first = f"complete -c {program} -n {_quoted(f'{name}_at {path} first')}"
    for each in command.commands:
        yield f"{first} -a {each.name} -d {_quoted(each.summary)}"
    for place in command.places:
        if place.words:
            yield f"{begin} -a {_listed(place.words)}"
    for option in command.options:
        yield f"{begin} {_flags(option)}{_value(option)} -d {_quoted(option.help)}"


def _flags(option: Taken) -> str:
    """``-l model -s m``; ``-o ss`` for one hyphen and several letters."""
    kinds = []
    for flag in option.names:
        kind = "-l" if flag.startswith("--") else "-s" if len(flag) == 2 else "-o"
        kinds.append(f"{kind} {flag.lstrip('-')}")
    return " ".join(kinds)


def _value(option: Taken) -> str:
    if not option.value:
        return ""
    words = f" -a {_listed(option.words)}" if option.words else ""
    return f" -r -F{words}" if option.takes_files else f" -x{words}"


def _listed(words: tuple[str, ...]) -> str:
    """Words that are offered: the list is expanded when it is shown, so that each is quoted in it."""
    return _quoted(" ".join(word if is_plain(word) else _quoted(word) for word in words))


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
