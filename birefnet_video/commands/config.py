"""``birefnet-video config``: what is configured, where it stands, and why an option has its value."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, MissingArgumentError, Parameter

from birefnet_video.configuration.configuration import MAIN, Configuration, Explained
from birefnet_video.configuration.sources import profile_names
from birefnet_video.configuration.template import in_toml, plain, template
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT
from birefnet_video.options.run import JsonSpec
from birefnet_video.tui.settings import load_settings
from birefnet_video.words import nearest, printable

#: Editors that are looked for where no variable names one.
_EDITORS = ("nano", "vi", "notepad")
_File = Annotated[Path | None, Parameter(name="--config")]


def config_commands(program: App, configuration: Configuration, group: Group) -> App:
    """The commands below ``config``.

    Args:
        program: whose command lines are explained.
        configuration: of the program.
        group: of commands in the program's help.
    """
    commands = _ConfigCommands(program, configuration)
    app = App(name="config", help="Show, edit and check what options are set to in files and variables.", group=group)
    app.command(commands.show)
    app.command(commands.path)
    app.command(commands.edit)
    app.command(commands.check)
    return app


class _ConfigCommands:
    def __init__(self, program: App, configuration: Configuration) -> None:
        self._program = program
        self._configuration = configuration

    def show(
        self,
        *arguments: Annotated[str, Parameter(name="ARGUMENTS", allow_leading_hyphen=True)],
        command: str = MAIN,
        origin: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
        words: Annotated[JsonSpec, FLAT] = JsonSpec(),
        chosen: Annotated[ConfigSpec, FLAT] = ConfigSpec(),
    ) -> int:
        """Say which values options have, as a file of settings.

        For example:
        birefnet-video config show --origin
        birefnet-video config show --origin --profile stream -- in.mp4 -m lite
        birefnet-video config show --command webcam

        Parameters
        ----------
        arguments
            A command line whose options are explained, behind -- if it has options of this command.
        command
            Whose options: render (which has no name elsewhere), webcam, image, bench, eval, export, train or tui.
        origin
            Say where each value comes from.
        """
        known = self._configuration.schema.commands
        if command not in known:
            near = nearest(command, known)
            raise UsageError(
                f"--command: {command!r} takes no settings",
                hint=f"did you mean {near}?" if near else f"there are {', '.join(known)}",
            )
        if arguments and arguments[0] in [*self._program] and arguments[0] not in known:
            raise UsageError(f"{arguments[0]}: takes no settings", hint=f"there are {', '.join(known)}")
        explained = self._explain([*([] if command == MAIN else [command]), *arguments, *_words(chosen)])
        if words.json_lines:
            print(json.dumps({each.option.name: _facts(each) for each in explained}))
        else:
            print("\n".join(_lines(explained, with_origin=origin)))
        return 0

    def path(self, *, config: _File = None) -> int:
        """Say which file is read, whether it is there or not.

        Parameters
        ----------
        config
            File in place of the user's config.toml.
        """
        print(self._configuration.path(config))
        return 0

    def edit(self, *, config: _File = None) -> int:
        """Open the file in $VISUAL or $EDITOR, and check it afterwards.

        Parameters
        ----------
        config
            File in place of the user's config.toml. One that is not there begins with options of a render, in comments.
        """
        path = self._configuration.path(config)
        if not _is_there(path):
            _write(path, template(self._configuration.schema.of_command(MAIN)))
        editor = _editor(path)
        try:
            code = subprocess.run([*editor, str(path)], check=False).returncode
        except OSError as error:
            raise UsageError(
                f"{editor[0]}: cannot be started: {error.strerror}", hint="VISUAL and EDITOR name another one"
            ) from None
        if code:
            raise UsageError(f"{shlex.join(editor)}: has ended with code {code}", hint=f"the file is {path}")
        return self.check(config=path)

    def check(self, *, config: _File = None) -> int:
        """See whether everything in the file and in variables is understood.

        Parameters
        ----------
        config
            File in place of the user's config.toml.
        """
        file, settings = self._configuration.check(config)
        if file is None:
            path = printable(str(self._configuration.path(config)))
            print(f"{path}: is not there; birefnet-video config edit begins one")
            return 0
        # The interface leaves out what it does not understand.
        for complaint in load_settings(file.path).complaints:
            raise UsageError(complaint)
        values = sum(setting.file is not None for setting in settings)
        profiles = profile_names(file)
        also = f", profiles {', '.join(profiles)}" if profiles else ""
        print(printable(f"{file.path}: {values} value{'' if values == 1 else 's'}{also}; all understood"))
        return 0

    def _explain(self, arguments: list[str]) -> tuple[Explained, ...]:
        """Every option of a command line, which is not carried out and may lack what it would work on."""
        self._configuration.explained = ()
        try:
            self._program.parse_args(arguments, print_error=False, exit_on_error=False)
        except MissingArgumentError:
            if not self._configuration.explained:
                raise
        return self._configuration.explained


def _words(chosen: ConfigSpec) -> list[str]:
    config = ["--config", str(chosen.config)] if chosen.config is not None else []
    profile = ["--profile", chosen.profile] if chosen.profile is not None else []
    return [*config, *profile, *(["--no-config"] if chosen.no_config else [])]


def _facts(each: Explained) -> dict[str, object]:
    if not each.needs:
        return {"value": plain(each.option, each.value), "origin": each.origin}
    left_out = {"value": plain(each.option, each.value), "origin": each.origin, "needs": each.needs}
    return {"value": plain(each.option, each.option.default), "origin": "default", "left_out": left_out}


def _lines(explained: tuple[Explained, ...], *, with_origin: bool) -> list[str]:
    """A file of settings; what it cannot say is a comment."""
    lines: list[tuple[str, str]] = []
    for each in explained:
        line = in_toml(each.option, each.value)
        is_set = not each.needs and not line.endswith("=")
        origin = printable(f"{each.origin}, left out: needs {each.needs}" if each.needs else each.origin)
        lines.append((line if is_set else f"# {line}", origin))
    if not with_origin:
        return [line for line, _ in lines]
    width = max((len(line) for line, _ in lines), default=0)
    return [f"{line:{width}}  # {origin}" for line, origin in lines]


def _is_there(path: Path) -> bool:
    """
    Raises:
        UsageError: if that cannot be seen.
    """
    try:
        return path.exists()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputRefused(f"{path}: cannot be written: {error.strerror}") from None


def _editor(path: Path) -> list[str]:
    """
    Raises:
        UsageError: if there is none, or what names it is no command.
    """
    variable = "VISUAL" if os.environ.get("VISUAL") else "EDITOR"
    named = os.environ.get(variable)
    try:
        found = shlex.split(named) if named else [each for each in _EDITORS if shutil.which(each)][:1]
    except ValueError:
        raise UsageError(f"{variable}: {named!r} is no command", hint="a quote in it has no end") from None
    if not found:
        raise UsageError("there is no editor: neither VISUAL nor EDITOR names one", hint=f"the file is {path}")
    return found
