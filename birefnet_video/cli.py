"""The command line: options to a job, a job's end to an exit code. Heavy modules are imported by the job."""

import os
import signal
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from birefnet_video.commands.completion import completion_of
from birefnet_video.commands.config import config_commands
from birefnet_video.commands.help import help_of
from birefnet_video.commands.man import man_of
from birefnet_video.commands.table import COMMANDS, INTERNAL
from birefnet_video.commit import full_version
from birefnet_video.configuration.configuration import Configuration
from birefnet_video.errors import BirefnetVideoError, InputMissing, OutputRefused, UsageError, explained
from birefnet_video.json_lines import final_record, say_json
from birefnet_video.many.request import ManyRequest, is_for_many
from birefnet_video.options.group import FLAT
from birefnet_video.options.input import STDIN, InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.keywords import part_of
from birefnet_video.options.many import ManySpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import STDOUT, OutputsSpec, WritingSpec
from birefnet_video.options.pictures import PicturesRequest, is_still
from birefnet_video.options.request import LiveRequest, RenderRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.streams import drop, is_lost, settle_streams
from birefnet_video.words import printable

_HELP = """Cut any subject out of a video: alpha, mask or green-screen video out, with exact timing and sound.

For example:
birefnet-video in.mp4 --alpha out.mov
birefnet-video in.mp4 --green out.mp4 -ss 1:30 -t 12.5
birefnet-video in.mp4 --composite out.mp4 --background beach.jpg
birefnet-video a.mp4 b.mov clips/ --out-dir out

Exit codes, files and all commands: birefnet-video man | man -l -"""

_OUTPUTS = Group("Outputs (any number in one pass)", sort_key=1)
_MANY = Group("Many inputs", sort_key=1)
_INPUT = Group("Input", sort_key=1)
_NETWORK = Group("Network", sort_key=2)
_MATTE = Group("Matte", sort_key=3)
_RUN = Group("Run", sort_key=4)
_COMMANDS = Group("Commands", sort_key=5)


def _version() -> str:
    return f"birefnet-video {full_version()}"


app = App(
    name="birefnet-video",
    help=_HELP,
    help_format="plaintext",
    version=_version,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    group_commands=_COMMANDS,
)
app["--help"].group = app["--version"].group = Group("Help", sort_key=6)
for _name, _place in COMMANDS.items():
    app.command(_place, name=_name, group=_COMMANDS)
app.command(completion_of(app), group=_COMMANDS)
app.command(man_of(app), group=_COMMANDS)
app.command(help_of(app), name="help", group=_COMMANDS)
for _name, _place in INTERNAL.items():
    app.command(_place, name=_name, show=False)


@app.default
def render(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *more: Annotated[Path, Parameter(name="MORE")],
    outputs: Annotated[OutputsSpec, FLAT, Parameter(group=_OUTPUTS)] = OutputsSpec(),
    read: Annotated[InputSpec, FLAT, Parameter(group=_INPUT)] = InputSpec(),
    backend: Annotated[BackendSpec, FLAT, Parameter(group=_NETWORK)] = BackendSpec(),
    matte: Annotated[MatteSpec, FLAT, Parameter(group=_MATTE)] = MatteSpec(),
    colour: Annotated[ColourSpec, FLAT, Parameter(group=_MATTE)] = ColourSpec(),
    run: Annotated[RunSpec, FLAT, Parameter(group=_RUN)] = RunSpec(),
    many: Annotated[ManySpec, FLAT, Parameter(group=_MANY)] = ManySpec(),
) -> RenderRequest | ManyRequest | PicturesRequest:
    """Cut the subject out of INPUT.

    Parameters
    ----------
    source
        Video file, image sequence (shot_%04d.png), picture, or - for standard input. Without an output, INPUT's name
        with .alpha.mov, of a picture with .alpha.png, is written beside it. A folder means its videos.
    more
        More inputs, rendered one after another. Names of outputs then hold fields, as in --alpha "out/{stem}.mov":
        {stem}, {suffix}, {parent}, {kind}, {index} or {subject}.
    """
    stills = [str(each) for each in (source, *more) if is_still(each)]
    if stills and more:
        raise UsageError(f"{stills[0]}: is a picture", hint="birefnet-video image takes many, and folders of them")
    if stills:
        from birefnet_video.commands.image import still_request

        return still_request(source, outputs, read, backend, matte, colour, run, many)
    spec = JobSpec(
        source,
        outputs.files(source, matte),
        input=read,
        backend=backend,
        matte=matte,
        colour=colour,
        writing=part_of(outputs, WritingSpec),
    )
    sources = (source, *more)
    if is_for_many(sources, outputs, many):
        return ManyRequest(sources, outputs, many, RenderRequest(spec, run.settled))
    to_stdout = any(output.path == STDOUT for output in spec.outputs)
    if to_stdout and run.style == "json":
        raise UsageError("--json and --alpha - both want standard output")
    if source == STDIN and not outputs.are_named:
        raise UsageError("standard input gives no name for the output", hint="for example --alpha out.mov")
    if (run.tui or run.detach) and (source == STDIN or to_stdout):
        raise UsageError("--tui and --detach render in another process, which does not have this one's pipes")
    return RenderRequest(spec, run.settled)


#: Commands that take settings, beside a render; the names of their tables.
_CONFIGURED = ("webcam", "image", "stack", "bench", "eval", "export", "train", "tui")
_CONFIGURATION = Configuration({"render": render, **{name: COMMANDS[name] for name in _CONFIGURED}})
app.config = (_CONFIGURATION,)
app.command(config_commands(app, _CONFIGURATION, _COMMANDS))


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``birefnet-video``."""
    settle_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    # A lone hyphen would be taken for an option; as a path "./-" is the same.
    arguments = ["./-" if argument == "-" else argument for argument in arguments]
    try:
        code = _carry_out(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has enough.
        drop(sys.stdout)
        code = 0
    except OSError as error:
        if not is_lost(sys.stdout, error):
            raise
        drop(sys.stdout)
        code = _say(OutputRefused(f"standard output: cannot be written: {error.strerror}"))
    try:
        sys.stderr.flush()
    except OSError:
        # What is left in it would be tried again at the end, and change the exit code.
        drop(sys.stderr)
    sys.exit(code)


def _carry_out(arguments: list[str]) -> int:
    try:
        _check_folder(arguments)
        if next(iter(arguments), "--help") not in COMMANDS and not {"--help", "-h"}.isdisjoint(arguments or ["--help"]):
            # Only commands that are imported say in the list what they do.
            app.resolved_commands()
        code: Any = app(arguments or ["--help"], exit_on_error=False, print_error=False, result_action="return_value")
        if isinstance(code, RenderRequest | LiveRequest | ManyRequest | PicturesRequest):
            code = _execute(code, arguments)
    except CycloptsError as error:
        from birefnet_video.commands.advice import usage_error

        code = _complain(usage_error(error, arguments, app), arguments)
    except BirefnetVideoError as error:
        from birefnet_video.commands.advice import hinted

        code = _complain(hinted(error, arguments, app), arguments)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except (MemoryError, OSError, ImportError, RuntimeError) as error:
        known = explained(error)
        if not isinstance(known, BirefnetVideoError):
            raise
        code = _complain(known, arguments)
    return code if isinstance(code, int) else 0


def _execute(asked: RenderRequest | LiveRequest | ManyRequest | PicturesRequest, arguments: list[str]) -> int:
    """Do what a command line asks for.

    Args:
        asked: what it was understood as.
        arguments: the command line.

    Raises:
        BirefnetVideoError: if that cannot begin.
    """
    if isinstance(asked, PicturesRequest):
        from birefnet_video.commands.image import run_pictures

        return run_pictures(asked)
    if isinstance(asked, ManyRequest):
        from birefnet_video.commands.advice import stray_word

        if (stray := stray_word(asked, arguments, app)) is not None:
            raise stray
    from birefnet_video.execute import execute

    return execute(asked)


def _check_folder(arguments: list[str]) -> None:
    """
    Raises:
        InputMissing: if the folder that the program was started in is gone, and a library would end it without a word.
    """
    first = next(iter(arguments), "--help")
    works = first not in [*app] or first in (*_CONFIGURATION.schema.commands, "doctor")
    if not works or not {"--help", "-h"}.isdisjoint(arguments):
        return
    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise InputMissing(f"the folder that this is started in: {error.strerror}", hint="go to another one") from None


def _complain(error: BirefnetVideoError, arguments: list[str]) -> int:
    """Report what was wrong before there was a job."""
    code = _say(error)
    if _wants_json(arguments):
        say_json(final_record("failed", code, None, error))
    return code


def _say(error: BirefnetVideoError) -> int:
    # Where standard error cannot be written, the exit code still says it.
    with suppress(OSError):
        print(f"birefnet-video: error: {printable(str(error))}", file=sys.stderr, flush=True)
    return error.exit_code


def _wants_json(arguments: list[str]) -> bool:
    """Whether JSON is asked for, as far as that can be seen of a command line that is wrong."""
    # Behind -- stand names.
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return not {"--json", "--progress=json"}.isdisjoint(words) or ("--progress", "json") in pairwise(words)


if __name__ == "__main__":
    main()
