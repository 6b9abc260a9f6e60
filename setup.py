"""All of it is in pyproject.toml but this: what is built says which commit it comes from, where that is known."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
_COMMIT = runpy.run_path(str(ROOT / "birefnet_video" / "commit.py"))


def write_commit(package: Path) -> None:
    """Write the commit into a copy of the package; sources without git may have brought it along."""
    commit, target = _COMMIT["commit_of"](ROOT), package / _COMMIT["FILE"]
    if commit:
        target.write_text(f'"""Written when this was built."""\n\nCOMMIT = "{commit}"\n', encoding="utf-8")
    elif not (ROOT / "birefnet_video" / _COMMIT["FILE"]).exists():
        # Of an earlier build in the same folder.
        target.unlink(missing_ok=True)


class BuildPackage(build_py):
    """Copies the package. An editable install has no copy, and asks git."""

    def run(self) -> None:
        """See setuptools."""
        super().run()
        if not self.editable_mode:
            write_commit(Path(self.build_lib) / "birefnet_video")


class SourceArchive(sdist):
    """Packs the sources."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """See setuptools."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir) / "birefnet_video")


setup(cmdclass={"build_py": BuildPackage, "sdist": SourceArchive})
