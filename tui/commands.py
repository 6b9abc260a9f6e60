"""``birefnet-video tui`` and ``attach``: the ways into the terminal interface."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT
from birefnet_video.options.keywords import FormOptions

_RENDER = Group("What a new render begins with", sort_key=1)


def tui(
    source: Annotated[Path | None, Parameter(name="INPUT")] = None,
    /,
    *,
    serve: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    port: int = 8000,
    options: Annotated[FormOptions, FLAT, Parameter(group=_RENDER)] = FormOptions(),
    chosen: Annotated[ConfigSpec, FLAT] = ConfigSpec(),
) -> int:
    """Open the terminal interface: new renders, the queue, what runs.

    Parameters
    ----------
    source
        Video to begin a new render with.
    serve
        Show it in a browser of this machine instead (extra: web).
    port
        Of the browser's view.
    """
    from birefnet_video.tui.start import open_home, serve_web

    return serve_web(source, port, options, chosen) if serve else open_home(source, options, chosen)


def attach(render: Annotated[str | None, Parameter(name="ID")] = None, /) -> int:
    """Watch a render that runs in a process apart.

    Parameters
    ----------
    render
        Beginning of its id, as birefnet-video jobs lists it. Default: the one that runs, or the latest.
    """
    from birefnet_video.tui.start import require_terminal, watch

    require_terminal()

    from birefnet_video.renders.store import JobStore

    store = JobStore()
    return watch(store, store.find(render), own=False)
