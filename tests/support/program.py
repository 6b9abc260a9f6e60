"""The program under its name, for scripts that call it."""

import os
import signal
import sys
from pathlib import Path

from birefnet_video import cli

#: Small and fast, where nobody says otherwise and a configuration counts.
QUICK = {"BIREFNET_VIDEO_SIZE": "64", "BIREFNET_VIDEO_ENGINE": "eager", "BIREFNET_VIDEO_BATCH_SIZE": "1"}


def environment(folder: Path) -> dict[str, str]:
    """Variables with which ``birefnet-video`` is found.

    Args:
        folder: takes a script of that name.
    """
    script = folder / "birefnet-video"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m birefnet_video "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {**os.environ, **QUICK, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def run_here(*words: str) -> int:
    """Call the program in this process, and have the signals back that were handled before.

    Returns:
        the exit code.
    """
    handled = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        cli.main([*words])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    raise AssertionError("it has not ended")
