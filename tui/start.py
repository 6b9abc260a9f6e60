"""Ways to start the interface, and when not to."""

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from birefnet_video.tui.garbage import stop_looking

from birefnet_video.errors import UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import options_of
from birefnet_video.options.keywords import FormOptions
from birefnet_video.renders.process import program
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.store import JobStore


def watch(store: JobStore, record: JobRecord, *, own: bool = True) -> int:
    """Show one render until it is left.

    Args:
        store: of its record.
        record: of the render.
        own: it was started together with the interface.

    Returns:
        the exit code.

    Raises:
        UsageError: if there is no terminal.
    """
    stop_looking()
    from birefnet_video.tui.app import BirefnetApp
    from birefnet_video.tui.settings import load_settings

    app = BirefnetApp(store, load_settings())
    app.begin_with(record, own=own)
    return _run(app)


def open_home(source: Path | None, options: FormOptions, chosen: ConfigSpec) -> int:
    """Show the clips of the folder and what runs, or a new render of ``source``.

    Args:
        source: of a new render.
        options: that new renders begin with.
        chosen: where they come from; its file has the interface's settings, too.

    Raises:
        UsageError: if there is no terminal.
    """
    require_terminal()
    stop_looking()
    from birefnet_video.tui.app import BirefnetApp
    from birefnet_video.tui.form import FormValues
    from birefnet_video.tui.settings import load_settings

    store = JobStore()
    blank = FormValues.beginning(options, no_config=chosen.no_config)
    form = replace(blank, source=str(source)) if source is not None else None
    app = BirefnetApp(store, load_settings(chosen.config), form=form, blank=blank, home=form is None)
    # What was left waiting when the machine went off goes on.
    app.start_queue()
    return _run(app)


def serve_web(source: Path | None, port: int, options: FormOptions, chosen: ConfigSpec) -> int:
    """Show it in a browser of this machine; every window is a process of its own, and all see the same renders.

    Args:
        source: of a new render.
        port: of the browser's view.
        options: that new renders begin with.
        chosen: where they come from; its file has the interface's settings, too.

    Raises:
        UsageError: if the extra is not installed.
    """
    try:
        from textual_serve.server import Server
    except ImportError:
        raise UsageError("--serve: textual-serve is not installed", hint="pip install 'birefnet-video[web]'") from None
    command = [*program(), "tui", *([str(source.absolute())] if source else []), *_words(options, chosen)]
    # Whoever reaches the port may read and write this user's files: nobody outside this machine can.
    Server(shlex.join(command), host="127.0.0.1", port=port, title="birefnet-video").serve()
    return 0


def _words(options: FormOptions, chosen: ConfigSpec) -> list[str]:
    """The command line that says the same, whatever is configured."""
    values = {option: getattr(options, option.name) for option in options_of(FormOptions) if option.on_command_line}
    said = [word for option, value in values.items() if value is not None for word in option.words(value)]
    file = ["--config", str(chosen.config.absolute())] if chosen.config is not None else []
    return [*said, *(["--no-config"] if chosen.no_config else file)]


def require_terminal(*, hint: str | None = None) -> None:
    """
    Args:
        hint: what to do without one.

    Raises:
        UsageError: if there is no terminal that can show the interface.
    """
    # textual-serve has pipes in place of a terminal, and says so.
    if os.environ.get("TEXTUAL_DRIVER"):
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise UsageError("the interface needs a terminal", hint=hint)
    if os.environ.get("TERM") == "dumb":
        raise UsageError("TERM=dumb: this terminal cannot show the interface", hint=hint)


def _run(app) -> int:  # type: ignore[no-untyped-def]  # its module is imported when it is needed
    code = app.run()
    return code if isinstance(code, int) else app.return_code or 0
