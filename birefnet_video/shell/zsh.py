"""The completion script for zsh."""

from collections.abc import Iterator

from birefnet_video.shell.grammar import Command, Taken
from birefnet_video.shell.quoting import plain_word


def zsh_script(grammar: Command, program: str) -> str:
    """A script that completes the words of a program in zsh, loaded or from a folder of ``fpath``."""
    lines = [f"#compdef {program}", f"# Completion of {program} in zsh, made by: {program} completion zsh", ""]
    for command in grammar.walk():
        lines += [*_function(command, program), ""]
    name = _name(grammar, program)
    # As a file of fpath it is the function's own body; read by source it only defines it.
    lines += [f'if [[ "$funcstack[1]" == {name} ]]; then', f'    {name} "$@"', "else", f"    compdef {name} {program}"]
    return "\n".join([*lines, "fi", ""])


def _name(command: Command, program: str) -> str:
    return "_".join(("", program, *command.path))


def _function(command: Command, program: str) -> Iterator[str]:
    name = _name(command, program)
    if command.commands:
        yield f"{name}__commands() {{"
        # Commands are the first words only.
        yield "    ((CURRENT == 2)) || return 1"
        yield "    local -a commands=("
        yield from (f"        {_quoted(f'{each.name}:{_escaped(each.summary)}')}" for each in command.commands)
        yield "    )"
        yield "    _describe command commands"
        yield "}"
    yield f"{name}() {{"
    if command.commands:
        yield "    if ((CURRENT > 2)); then"
        yield "        case $words[2] in"
        for each in command.commands:
            yield f"            {each.name}) shift words; ((CURRENT--)); {_name(each, program)}; return ;;"
        yield "        esac"
        yield "    fi"
    specs = [*(spec for option in command.options for spec in _option(option)), *_places(command, name)]
    yield "    _arguments -S " + " \\\n        ".join(specs)
    yield "}"


def _option(option: Taken) -> Iterator[str]:
    others = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    value = (
        f":{'value' if option.choices else option.value.lower()}:{_action([*_kinds(option)])}" if option.value else ""
    )
    for name in option.names:
        equals = "=" if option.value and name.startswith("--") else ""
        yield _quoted(f"{others}{name}{equals}[{_escaped(option.help)}]{value}")


def _places(command: Command, name: str) -> Iterator[str]:
    named = [f"commands:command:{name}__commands"] if command.commands else []
    if named and not command.places:
        yield _quoted(f"1:command:{_action(named)}")
    for number, place in enumerate(command.places, start=1):
        where = "*:" if place.repeats else f"{number}:" if place.is_required else f"{number}::"
        yield _quoted(f"{where}{place.names[0]}:{_action([*(named if number == 1 else []), *_kinds(place)])}")


def _kinds(taken: Taken) -> Iterator[str]:
    """What can be offered, as ``_alternative`` takes it."""
    if taken.words:
        # Evaluated as an array.
        yield f"values:value:({' '.join(plain_word(word) for word in taken.words)})"
    if taken.takes_files:
        yield "files:file:_files"


def _action(kinds: list[str]) -> str:
    if len(kinds) == 1:
        return kinds[0].split(":", 2)[2]
    # Nothing but a blank: something is taken that nothing can be said about. A blank before a function: it is called
    # without the options of compadd, which _alternative does not know.
    return f" _alternative {' '.join(_quoted(kind) for kind in kinds)}".replace(":", "\\:") if kinds else " "


def _escaped(text: str) -> str:
    """A text within a specification, where brackets and colons mean something."""
    for letter in "\\:[]":
        text = text.replace(letter, f"\\{letter}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
