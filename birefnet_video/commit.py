"""The commit that the program was built from. Read by ``setup.py``, too, so it imports nothing of the package."""

import subprocess
from pathlib import Path

#: Written where the program is built, and never kept in git.
FILE = "_commit.py"


def built_from() -> str:
    """``e3922a0, 2026-11-28``, with a plus where files were changed; nothing where it is not known.

    Git is asked where the package lies in a checkout; elsewhere the build has written it down.
    """
    try:
        from birefnet_video._commit import COMMIT  # type: ignore[import-not-found]
    except ImportError:
        return commit_of(Path(__file__).parents[1])
    return str(COMMIT)


def commit_of(folder: Path) -> str:
    """The same of a folder of sources: nothing if it is not the top of a checkout, or git is not there."""
    if not (folder / ".git").exists():
        return ""
    shown = _git(folder, "log", "-1", "--format=%h, %cs", "--abbrev=7")
    if not shown:
        return ""
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return shown.replace(",", "+,", 1) if changed else shown


def full_version() -> str:
    """The version, with the commit if it is known: ``0.1.0 (e3922a0, 2026-11-28)``."""
    from birefnet_video._version import __version__

    commit = built_from()
    return f"{__version__} ({commit})" if commit else __version__


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing if it fails."""
    try:
        ran = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
