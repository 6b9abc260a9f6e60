"""A program on a disk that is full soon."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_with_little_room(script: Path, arguments: Sequence[str], most_bytes: int) -> "subprocess.CompletedProcess[str]":
    """Run a script of ours. A limit on the size of files stands in for the disk: it fails the same calls."""
    program = (
        "import resource, signal, runpy, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        f"sys.argv = {[str(script), *arguments]!r}\n"
        f"sys.path.insert(0, {str(script.parent)!r})\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')\n"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
