"""What was probably meant by a command line that cannot be understood."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.exceptions import RepeatArgumentError, UnknownCommandError

from birefnet_video.errors import BirefnetVideoError, InputMissing, UsageError
from birefnet_video.many.request import ManyRequest
from birefnet_video.options.input import is_pattern
from birefnet_video.options.values import choice_error
from birefnet_video.words import nearest, question

_ENCODING = "--quality takes fast, standard or best; containers follow from names"
_CODEC = "--codec names the codec of all outputs but alpha: --codec hevc"
#: Options that people know from other programs, and what there is in their place.
_OTHER_OPTIONS = {
    "-i": "INPUT is named without an option: birefnet-video in.mp4 --alpha out.mov",
    "-f": "formats follow from the names of outputs: .mov, .webm, .mkv, .mp4, _%05d.png",
    "-r": "a video keeps its rate; --frame-rate is for numbered pictures",
    "-s": "a video keeps its size; --size is that of the network's input",
    "-c": _CODEC,
    "-c:v": _CODEC,
    "-codec:v": _CODEC,
    "-vcodec": _CODEC,
    "-c:a": "sound is copied, and encoded only where it must be; --no-audio leaves it out",
    "-an": "--no-audio leaves the sound out",
    "-vf": "there are no filters; --help lists what can be done to mattes and colours",
    "-filter_complex": "there are no filters; --help lists what can be done to mattes and colours",
    "-crf": _ENCODING,
    "-b:v": _ENCODING,
    "-preset": _ENCODING,
    "-pix_fmt": "depths follow from INPUT and the codec",
    "-map": "--video-track takes another track; all sound comes along",
    "-hwaccel": "--decode-on cuda, --device cuda",
    "-n": "outputs that exist are never replaced without -y",
    "--threads": "threads are chosen by the machine's cores",
}
#: The same of commands.
_OTHER_COMMANDS = {
    "batch": "many inputs have no command: birefnet-video a.mp4 b.mov clips/ --out-dir out",
    "queue": "birefnet-video jobs lists it, birefnet-video tui shows it, --queue puts renders into it",
    "version": "birefnet-video --version",
    "render": "a render has no command: birefnet-video in.mp4 --alpha out.mov",
}
#: Extensions of outputs, and the option that writes them.
_OUTPUTS = {".mov": "--alpha", ".webm": "--alpha", ".mkv": "--alpha", ".apng": "--alpha", ".mp4": "--green"}
#: Words of fewer letters are like everything.
_LIKE_FROM = 3


def usage_error(error: CycloptsError, arguments: Sequence[str], app: App) -> UsageError:
    """An error of the parser in our words, with what to do.

    Args:
        error: of the parser.
        arguments: that it was given.
        app: the parser.
    """
    if (other := _other_option(arguments, app)) is not None:
        return other
    path, at = _command(arguments, app)
    if isinstance(error, UnknownOptionError):
        return _unknown_option(error, arguments, at)
    if isinstance(error, UnusedCliTokensError | UnknownCommandError) and error.unused_tokens:
        return _unused([*error.unused_tokens], path, at, arguments)
    if isinstance(error, CoercionError):
        return _no_value(error)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return _missing(error.argument, arguments, path, at)
    if isinstance(error, RepeatArgumentError):
        return UsageError(f"{error.token.keyword}: is given more than once")
    return UsageError(" ".join(str(error).split()))


def hinted(error: BirefnetVideoError, arguments: Sequence[str], app: App) -> BirefnetVideoError:
    """An error with a hint where INPUT is a misspelt command, or an option that of another program."""
    if isinstance(error, UsageError) and (other := _other_option(arguments, app)) is not None:
        return other
    if isinstance(error, InputMissing) and "" in arguments:
        return _empty_input()
    # Commands are the first words only.
    first = arguments[0] if arguments else ""
    is_word = "." not in first and "/" not in first and first not in _commands(app)
    if isinstance(error, InputMissing) and error.hint is None and is_word:
        near = nearest(first, _commands(app))
        error.hint = _OTHER_COMMANDS.get(first) or (f"did you mean the command {near}?" if near else None)
    return error


def stray_word(request: ManyRequest, arguments: Sequence[str], app: App) -> UsageError | None:
    """What was meant by a word that is taken for one of many inputs, and is none.

    Args:
        request: that the command line was understood as.
        arguments: the command line.
        app: the parser.
    """
    # The path of an empty word is that of this folder.
    if "" in arguments and Path() in request.sources:
        return _empty_input()
    first, *more = (str(source) for source in request.sources)
    missing = [word for word in more if not _is_there(Path(word))]
    commands = [word for word in missing if word in _commands(app)]
    # Who says where outputs go has named none without its option.
    is_told = request.outputs.are_named or request.many.is_asked
    if commands or (more and not is_told and (missing or not _is_there(Path(first)))):
        return _unused(commands or missing or more, (), app, arguments)
    return None


def _empty_input() -> UsageError:
    return UsageError("INPUT is empty", hint="name a video, for example birefnet-video in.mp4 --alpha out.mov")


def _is_there(source: Path) -> bool:
    from birefnet_video.inputs.sequence import list_numbers

    # Of a name that cannot be one, Path.exists raises.
    return os.path.exists(source) or (  # noqa: PTH110
        is_pattern(source) and source.parent.is_dir() and bool(list_numbers(source))
    )


def nearest_option(word: str, names: Iterable[str]) -> str | None:
    """The option that was most likely meant, whatever hyphens it was written with."""
    bare = {name.lstrip("-"): name for name in names if len(name.lstrip("-")) > 1}
    wanted = word.partition("=")[0].lstrip("-").replace("_", "-")
    if wanted in bare:
        return bare[wanted]
    near = nearest(wanted, bare) if len(wanted) >= _LIKE_FROM else None
    return None if near is None else bare[near]


def _command(arguments: Sequence[str], app: App) -> tuple[tuple[str, ...], App]:
    """The command that is given, and its parser."""
    path: tuple[str, ...] = ()
    for word in arguments:
        if word.startswith("-") or word not in [*app]:
            break
        path, app = (*path, word), app[word]
    return path, app


def _commands(app: App) -> list[str]:
    return [name for name in app if not name.startswith("-") and app[name].show]


def _front(arguments: Sequence[str]) -> Sequence[str]:
    """What stands in front of --."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _options(app: App, *, with_value: bool = False) -> list[str]:
    own = app.assemble_argument_collection() if app.default_command else ()
    if with_value:
        return [name for argument in own if not argument.is_flag() for name in argument.names if name.startswith("-")]
    known = [name for argument in own if argument.show for name in argument.names]
    return [name for name in (*known, *app.help_flags, *app.version_flags) if name.startswith("-")]


def _other_option(arguments: Sequence[str], app: App) -> UsageError | None:
    """What to say of an option of another program."""
    path, at = _command(arguments, app)
    # What stands behind -- is a name; of config show, it is a command line.
    words = arguments if path[:2] == ("config", "show") else _front(arguments)
    # Asking parsers for their options takes longer than all the rest.
    if _OTHER_OPTIONS.keys().isdisjoint(words):
        return None
    valued = {name for each in (app, at) for name in _options(each, with_value=True)}
    behind = ("", *words)
    word = next(
        (word for word, last in zip(words, behind, strict=False) if word in _OTHER_OPTIONS and last not in valued), None
    )
    return None if word is None else UsageError(f"{word}: is not known", hint=_OTHER_OPTIONS[word])


def _late_option(word: str, arguments: Sequence[str], at: App) -> UsageError | None:
    """What to say of an option that stands where none is read."""
    if not word.startswith("-") or word in _front(arguments) or word.partition("=")[0] not in _options(at):
        return None
    return UsageError(f"{word}: is taken for a name behind --", hint="options stand in front of it")


def _unknown_option(error: UnknownOptionError, arguments: Sequence[str], at: App) -> UsageError:
    wrong = error.token.keyword or error.token.value
    if (late := _late_option(wrong, arguments, at)) is not None:
        return late
    # Of letters that are written together one alone is named.
    together = (word for word in arguments if word[:1] == "-" and word[:2] != "--" and wrong[1:2] in word[1:])
    word = wrong if wrong in arguments else next(together, wrong)
    return _unknown(word, at)


def _unknown(option: str, at: App) -> UsageError:
    near = nearest_option(option, _options(at))
    return UsageError(f"{option.partition('=')[0]}: is not known", hint=question(near))


def _missing(argument: Argument, arguments: Sequence[str], path: tuple[str, ...], at: App) -> UsageError:
    """What is required and not there, or there without its value."""
    begin = " ".join(["birefnet-video", *path])
    if argument.index is not None:
        place = argument.name.lstrip("-").upper()
        return UsageError(f"{place} is missing", hint=f"{begin} {place}; {begin} --help says more")
    written = next((name for name in argument.names if name in arguments), argument.name)
    described = at.assemble_argument_collection(parse_docstring=True)
    hint = next((" ".join((each.parameter.help or "").split()) for each in described if written in each.names), None)
    return UsageError(f"{written}: a value is missing" if written in arguments else f"{written} is missing", hint=hint)


def _no_value(error: CoercionError) -> UsageError:
    """A value that is none of an option's, or no number."""
    argument, token = error.argument, error.token
    if argument is None or token is None:
        return UsageError(" ".join(str(error).split()))
    name = token.keyword or argument.name.lstrip("-").upper()
    if choices := argument.get_choices():
        return choice_error(name, token.value, choices)
    kinds = {int: "whole number", float: "number"}
    kind = kinds.get(error.target_type) if error.target_type is not None else None
    return UsageError(f"{name}: {token.value!r} is no {kind}" if kind else " ".join(str(error).split()))


def _unused(unused: list[str], path: tuple[str, ...], at: App, arguments: Sequence[str]) -> UsageError:
    first, known = unused[0], _commands(at)
    if (late := _late_option(first, arguments, at)) is not None:
        return late
    if path:
        return _unused_of_command(first, path, at)
    begin = arguments[0]
    if not begin.startswith("-") and not _is_there(Path(begin)):
        near = nearest(begin, known)
        if advice := _OTHER_COMMANDS.get(begin) or question(near):
            return UsageError(f"{begin}: no such command", hint=advice)
    if first in known:
        return UsageError(f"{first}: commands come first", hint=f"birefnet-video {first} --help")
    name = Path(first)
    if _is_there(name) and not _is_there(Path(begin)) and begin[:1] != "-":
        return UsageError(f"{begin}: no such file", hint=f"INPUT comes first: birefnet-video {first} --alpha OUTPUT")
    writes = _OUTPUTS.get(name.suffix.lower()) or ("--alpha" if "%" in first else None)
    if writes:
        return UsageError(f"{name}: is it to be written?", hint=f"{writes} {name}")
    near = nearest_option(first, _options(at))
    return UsageError(f"{', '.join(unused)}: belongs to no option", hint=question(near))


def _unused_of_command(word: str, path: tuple[str, ...], at: App) -> UsageError:
    """A word behind a command that is neither a command of its own nor taken otherwise."""
    if word.startswith("-"):
        return _unknown(word, at)
    command = " ".join(["birefnet-video", *path])
    near = nearest(word, _commands(at)) or nearest_option(word, _options(at))
    hint = f"did you mean {command} {near}?" if near else f"{command} --help says what it takes"
    return UsageError(f"{word}: {path[-1]} takes no such word", hint=hint)
