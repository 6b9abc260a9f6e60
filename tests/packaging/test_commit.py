"""What is installed says which commit it was built from, where that is known."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from birefnet_video import commit
from birefnet_video._version import __version__
from birefnet_video.commit import built_from, commit_of, full_version

ROOT = Path(__file__).parents[2]
SETUP = """
import sys
sys.path.insert(0, {root!r})
from setuptools import build_meta
print(build_meta.build_{kind}({out!r}))
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    ran = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project that is built as ours is."""
    folder = tmp_path / "checkout"
    (folder / "birefnet_video").mkdir(parents=True)
    (folder / "birefnet_video" / "__init__.py").write_text("")
    (folder / "birefnet_video" / "commit.py").write_text(Path(commit.__file__).read_text())
    (folder / "setup.py").write_text((ROOT / "setup.py").read_text())
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "x"\nversion = "1"\n[tool.setuptools]\npackages = ["birefnet_video"]\n'
    )
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def build(folder: Path, kind: str) -> Path:
    """A wheel or an archive of sources."""
    out = folder.parent / f"out-{folder.name}"
    out.mkdir(exist_ok=True)
    program = SETUP.format(root=str(folder), kind=kind, out=str(out))
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return out / ran.stdout.split()[-1]


def said_by(wheel: Path) -> str:
    """The commit that a wheel names."""
    with zipfile.ZipFile(wheel) as archive:
        if "birefnet_video/_commit.py" not in archive.namelist():
            return ""
        values: dict[str, str] = {}
        exec(archive.read("birefnet_video/_commit.py"), values)
        return values["COMMIT"]


def test_a_checkout_says_its_commit_and_whether_files_were_changed(checkout: Path) -> None:
    short, day = git(checkout, "log", "-1", "--format=%h %cs", "--abbrev=7").split()
    assert commit_of(checkout) == f"{short}, {day}"
    (checkout / "new.txt").write_text("not git's")
    assert commit_of(checkout) == f"{short}, {day}"
    (checkout / "setup.py").write_text("")
    assert commit_of(checkout) == f"{short}+, {day}"


def test_a_folder_within_somebody_elses_checkout_says_nothing(checkout: Path) -> None:
    assert commit_of(checkout / "birefnet_video") == ""


def test_without_git_nothing_is_said(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit_of(checkout) == ""


def test_a_wheel_says_the_commit_and_a_source_archive_hands_it_on(checkout: Path, tmp_path: Path) -> None:
    known = commit_of(checkout)
    assert said_by(build(checkout, "wheel")) == known != ""
    assert not (checkout / "birefnet_video" / "_commit.py").exists()
    archive = build(checkout, "sdist")
    subprocess.run(["tar", "xzf", str(archive), "-C", str(tmp_path)], check=True)
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    assert not (unpacked / ".git").exists() and said_by(build(unpacked, "wheel")) == known


def test_a_wheel_of_sources_without_git_says_none(checkout: Path) -> None:
    build(checkout, "wheel")
    (checkout / ".git").rename(checkout.parent / "gone")
    assert said_by(build(checkout, "wheel")) == ""


def test_the_version_is_followed_by_the_commit_if_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "built_from", lambda: "e3922a0, 2026-11-28")
    assert full_version() == f"{__version__} (e3922a0, 2026-11-28)"
    monkeypatch.setattr(commit, "built_from", lambda: "")
    assert full_version() == __version__
    ran = subprocess.run(
        [sys.executable, "-m", "birefnet_video", "--version"], capture_output=True, text=True, check=True
    )
    now = built_from()
    assert ran.stdout == f"birefnet-video {__version__}{f' ({now})' if now else ''}\n"
