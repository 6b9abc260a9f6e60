"""The manual page, as roff that ``man`` shows."""

import textwrap
from collections.abc import Iterator

from birefnet_video.errors import EXIT_CODES
from birefnet_video.shell.grammar import Command, Taken

#: Letters of a line, escapes not counted.
_WIDTH = 70
_VARIABLES = (
    ("XDG_CACHE_HOME", "Where built engines are kept, in birefnet-video. Usually ~/.cache."),
    ("XDG_STATE_HOME", "Where records of renders are kept, in birefnet-video. Usually ~/.local/state."),
    ("XDG_CONFIG_HOME", "Where settings are kept, in birefnet-video. Usually ~/.config."),
    ("XDG_DATA_HOME", "Where models of your own are kept, in birefnet-video. Usually ~/.local/share."),
    ("BIREFNET_VIDEO_...", "Values of options, such as BIREFNET_VIDEO_MODEL. Those of the command line win."),
    ("HF_HOME, HF_HUB_CACHE", "Where weights are kept that models pull has fetched. Usually ~/.cache/huggingface."),
    ("HF_ENDPOINT, HF_HUB_OFFLINE", "Another hub; nothing is fetched."),
    ("HF_TOKEN", "Who you are, for huggingface.co alone."),
    ("TMPDIR", "Where standard input is copied to."),
    ("CUDA_VISIBLE_DEVICES", "NVIDIA GPUs that may be used."),
    ("NO_COLOR", "No colours in the terminal."),
)
_FILES = (
    ("~/.cache/birefnet-video", "Built engines. Can be removed; they are built again."),
    ("~/.local/state/birefnet-video", "Records of renders, of the queue and of their logs."),
    ("~/.config/birefnet-video", "Settings."),
)
_EXAMPLES = (
    ("ProRes 4444 with alpha", "in.mp4 --alpha out.mov"),
    ("H.264 over green, seconds 90 to 102.5", "in.mp4 --green out.mp4 -ss 1:30 -t 12.5"),
    ("VP9 with alpha for browsers", "in.mp4 --alpha out.webm"),
    ("Over a picture", "in.mp4 --composite out.mp4 --background beach.jpg"),
    ("Many inputs, of folders all videos", "a.mp4 b.mov clips/ --out-dir out"),
    ("What would be read and written", "in.mp4 --alpha out.mov --dry-run"),
    ("How long that would take", "in.mp4 --alpha out.mov --estimate"),
    ("Five of its frames as pictures, before it", "in.mp4 --alpha out.mov --look auto:5"),
    ("A virtual camera", "webcam --virtual-camera auto --background blur"),
)


def manual(grammar: Command, program: str, version: str, date: str) -> str:
    """The page of a program: section 1, in the macros of man(7).

    Args:
        grammar: of the program.
        program: its name.
        version: of the program.
        date: of the version, as 2026-11-28, or nothing.
    """
    lines = [
        f'.TH {_argument(program.upper())} 1 "{date}" {_argument(f"{program} {version}")}',
        ".SH NAME",
        f"{_text(program)} \\- {_text(_begin_small(grammar.summary.partition(':')[0]))}",
        ".SH SYNOPSIS",
        *_synopsis(grammar, program),
    ]
    for command in grammar.commands:
        lines += [".br", *_synopsis(command, program)]
    lines += [".SH DESCRIPTION", *_filled(grammar.summary), *_paragraphs(grammar.description)]
    lines += [*_places(grammar), ".SH OPTIONS", *_options(grammar)]
    if grammar.commands:
        lines += [".SH COMMANDS", *(line for each in grammar.commands for line in _command(each, program))]
    codes = [(str(code), meaning) for code, meaning in EXIT_CODES]
    for title, rows in (("EXIT STATUS", codes), ("ENVIRONMENT", _VARIABLES), ("FILES", _FILES)):
        lines += [f".SH {title}", *(line for name, meaning in rows for line in _item(_bold(name), meaning))]
    lines.append(".SH EXAMPLES")
    for what, arguments in _EXAMPLES:
        lines += _item(_text(f"{what}:"), "")
        lines.append(_bold(f"{program} {arguments}"))
    return "\n".join([*lines, ""])


def _synopsis(command: Command, program: str) -> Iterator[str]:
    yield _bold(" ".join([program, *command.path]))
    # Everything has --help.
    if len(command.options) > 1:
        yield "[\\fIoptions\\fR]"
    for place in command.places:
        name = f"\\fI{_text(place.names[0])}\\fR{' ...' if place.repeats else ''}"
        yield name if place.is_required else f"[{name}]"


def _command(command: Command, program: str) -> Iterator[str]:
    yield f".SS {_argument(' '.join([program, *command.path]))}"
    yield from _filled(command.summary)
    yield from _paragraphs(command.description)
    yield from _places(command)
    yield from _options(command, with_headings=False)
    for each in command.commands:
        yield from _command(each, program)


def _places(command: Command) -> Iterator[str]:
    for place in command.places:
        yield from _item(f"\\fI{_text(place.names[0])}\\fR", _meaning(place))


def _options(command: Command, *, with_headings: bool = True) -> Iterator[str]:
    groups = dict.fromkeys(option.group for option in command.options)
    for group in groups:
        if with_headings:
            yield f".SS {_argument(group or 'Help')}"
        for option in command.options:
            if option.group == group:
                names = ", ".join(_bold(name) for name in option.names)
                value = f" \\fI{_text(option.value)}\\fR" if option.value else ""
                yield from _item(names + value, _meaning(option))


def _meaning(taken: Taken) -> str:
    default = f" Default: {taken.default}." if taken.default and "Default:" not in taken.help else ""
    return f"{taken.help}{default}"


def _item(name: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield name
    yield from _filled(meaning)


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs; what is typed is kept on a line of its own."""
    for paragraph in filter(None, text.split("\n\n")):
        first, *rest = paragraph.splitlines()
        yield ".PP"
        yield from _filled(first)
        for line in rest:
            if "birefnet-video " in line:
                yield ".br"
            yield from _filled(line)


def _filled(text: str) -> Iterator[str]:
    """A text in lines that editors and linters like; whoever shows the page fills its own."""
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield _text(line)


def _begin_small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _bold(text: str) -> str:
    return f"\\fB{_text(text)}\\fR"


def _argument(text: str) -> str:
    """A text as one argument of a macro."""
    return '"' + _text(text).replace('"', "\\(dq") + '"'


def _text(text: str) -> str:
    """A text in which nothing is an order: neither backslashes nor a full stop or quote at the beginning of a line."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    )
    return f"\\&{text}" if text[:1] in (".", "'") else text
