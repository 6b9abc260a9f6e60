"""What gets installed: everything, under one name."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAX_WEIGHTS_BYTES = 20 * 2**20


def test_the_package_list_names_every_folder() -> None:
    mapping = {"birefnet_video": "birefnet_video", "model": "birefnet_video.model", "tui": "birefnet_video.tui"}
    found = set()
    for top, name in mapping.items():
        for init in (ROOT / top).rglob("__init__.py"):
            found.add(".".join((name, *init.parent.relative_to(ROOT / top).parts)))
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a clean copy: ``build/`` is never pruned and brings deleted modules back."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = tracked.stdout.split("\0") if tracked.returncode == 0 else []
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "samples/", "docs/")):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "-w",
        str(out),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_one_name_and_every_module(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"birefnet_video"}
    # Equality, not inclusion: a module deleted from the tree must not come back out of an old build/ folder.
    assert {name for name in names if name.endswith(".py")} == {
        f"birefnet_video/{prefix}{path.relative_to(ROOT / folder).as_posix()}"
        for folder, prefix in (("birefnet_video", ""), ("model", "model/"), ("tui", "tui/"))
        for path in (ROOT / folder).rglob("*.py")
    }
    for name in ("tiny.safetensors", "MODEL_CARD.md", "evidence.jpg", "evidence_fur_matte.png"):
        assert f"birefnet_video/model/weights/{name}" in names
    assert "birefnet_video/py.typed" in names


def test_the_weights_keep_the_wheel_small(wheel: Path) -> None:
    sizes = {i.filename: i.compress_size for i in zipfile.ZipFile(wheel).infolist() if "/weights/" in i.filename}
    assert sum(sizes.values()) <= MAX_WEIGHTS_BYTES


def test_the_wheel_works_from_anywhere_and_beside_a_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '')]\n"
        "import birefnet_video, birefnet_video.model.config as c, birefnet_video.tui as t\n"
        "print(birefnet_video.__file__); print(c.__file__); print(t.__file__)"
    )
    # Safe path: from a checkout's root the incomplete folder birefnet_video/ would be found first.
    for folder in (tmp_path, ROOT):
        ran = subprocess.run(
            [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, check=True
        )
        assert all(line.startswith(str(target)) for line in ran.stdout.split())


def test_one_opencv_in_any_combination_of_extras() -> None:
    project = PROJECT["project"]
    every = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    opencv = {r.split(">")[0].split("[")[0] for r in every if r.startswith("opencv")}
    assert opencv == {"opencv-python-headless"}


def test_the_version_is_the_same_everywhere() -> None:
    import birefnet_video

    assert PROJECT["project"]["version"] == birefnet_video.__version__
