"""The completion script for bash."""

from collections.abc import Iterator

from birefnet_video.shell.grammar import Command, Taken
from birefnet_video.shell.quoting import plain_word

#: The part that is the same for every grammar. Words are split at "=" by readline; what is typed of a file name can be
#: quoted, which readline's own completion ("default") understands.
_BODY = r"""
SELF() {
    local cur=${COMP_WORDS[COMP_CWORD]} path= option= depth=0 places=0 word i
    local commands= flags= valued= files= quoted IFS=$' \t\n'
    local -a words=()
    COMPREPLY=()
    [[ $cur == = ]] && cur=
    SELF_at ""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = ]]; then
            option=${COMP_WORDS[i-1]}
        elif [[ $option ]]; then
            option=
        elif [[ $word == -?* ]]; then
            [[ $valued == *" $word "* ]] && option=$word
        elif ((depth == i - 1)) && [[ $commands == *" $word "* ]]; then
            path+=${path:+ }$word
            ((depth += 1))
            SELF_at "$path"
        else
            ((places += 1))
        fi
    done
    [[ ${COMP_WORDS[COMP_CWORD]} == = ]] && option=${COMP_WORDS[COMP_CWORD-1]}
    if [[ $option ]]; then
        SELF_value "$path $option"
    elif [[ $cur == -* ]]; then
        words=($flags)
    else
        SELF_place "$path $places"
        ((depth == COMP_CWORD - 1)) && words+=($commands)
    fi
    # compgen -W would expand the words. What is typed can be quoted; names of files readline quotes itself.
    for word in "${words[@]}"; do
        printf -v quoted %q "$word"
        [[ $word == "$cur"* || $quoted == "$cur"* ]] || continue
        [[ $files ]] && COMPREPLY+=("$word") || COMPREPLY+=("$quoted")
    done
    if [[ $files ]]; then
        compopt -o filenames -o default 2>/dev/null
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done < <(compgen -f -- "$cur")
    fi
}

if ((BASH_VERSINFO[0] < 4)); then
    complete -o default -F SELF PROGRAM
else
    complete -F SELF PROGRAM
fi
"""


def bash_script(grammar: Command, program: str) -> str:
    """A script that completes the words of a program in bash."""
    name = "_" + program.replace("-", "_")
    commands = [*grammar.walk()]
    lines = [
        f"# Completion of {program} in bash, made by: {program} completion bash",
        *_function(f"{name}_at", [line for command in commands for line in _at(command)]),
        *_function(f"{name}_value", [line for command in commands for line in _values(command)]),
        *_function(f"{name}_place", [line for command in commands for line in _places(command)]),
    ]
    return "\n".join(lines) + _BODY.replace("SELF", name).replace("PROGRAM", program)


def _function(name: str, branches: list[str]) -> list[str]:
    return [f"{name}() {{", '    case "$1" in', *(f"        {line}" for line in branches), "    esac", "}"]


def _at(command: Command) -> Iterator[str]:
    """What there is at a command."""
    flags = [name for option in command.options for name in option.names]
    valued = [name for option in command.options if option.value for name in option.names]
    commands = [each.name for each in command.commands]
    path = " ".join(command.path)
    yield f"'{path}') commands={_spaced(commands)} flags={_spaced(flags)} valued={_spaced(valued)} ;;"


def _values(command: Command) -> Iterator[str]:
    path = " ".join(command.path)
    for option in command.options:
        if option.words or option.takes_files:
            patterns = "|".join(f"'{path} {name}'" for name in option.names)
            yield f"{patterns}) {_wanted(option)} ;;"


def _places(command: Command) -> Iterator[str]:
    path = " ".join(command.path)
    for number, place in enumerate(command.places):
        if place.words or place.takes_files:
            yield f"'{path} '{'*' if place.repeats else number}) {_wanted(place)} ;;"


def _wanted(taken: Taken) -> str:
    return f"words=({' '.join(plain_word(word) for word in taken.words)}){' files=1' if taken.takes_files else ''}"


def _spaced(words: tuple[str, ...] | list[str]) -> str:
    """Words between blanks, so that one can be looked for with blanks around it."""
    return "'" + "".join(f" {word}" for word in words) + " '"
