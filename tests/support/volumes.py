"""Volumes made on the spot, and what cuts them: an ellipsoid in noise that lies askew in its box."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.stub import StubBackend
from birefnet_video.cli import main

#: Columns, rows and slices: none like another.
SHAPE = (40, 32, 12)
#: Values inside the ellipsoid and around it.
INSIDE, OUTSIDE = 900, -200


def ellipsoid(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """bool (X, Y, Z), off the middle along every axis, so that no mirror image is the same."""
    x, y, z = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    parts = ((x, 0.4, 0.25), (y, 0.55, 0.3), (z, 0.45, 0.35))
    inside: np.ndarray = sum(
        ((each - at * size) / (radius * size)) ** 2 for (each, at, radius), size in zip(parts, shape, strict=True)
    )
    return inside < 1


def voxels(inside: np.ndarray, dtype: Any = np.int16, *, noise: float = 40.0) -> np.ndarray:
    """Values of the shape of ``inside``."""
    grain = np.random.default_rng(1).normal(0, noise, inside.shape)
    return (np.where(inside, INSIDE, OUTSIDE) + grain).astype(dtype)


def oblique(spacing: tuple[float, float, float] = (0.9, 1.1, 3.0)) -> np.ndarray:
    """An affine (4, 4) that is turned about two axes, with a mirror, as scanners make them."""
    a, b = 0.3, 0.2
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag((-spacing[0], spacing[1], spacing[2]))
    affine[:3, 3] = (12.5, -33.25, 7.75)
    return affine


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def use_stub(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (64, 64)) -> None:
    """Brightness in place of a network."""

    def load(*_: Any, **__: Any) -> StubBackend:
        return StubBackend(BackendInfo("stub", "stub", "cpu", "none", size, 4))

    monkeypatch.setattr("birefnet_video.pipeline.networks.load_backend", load)


class Ran:
    """What a call came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.lines = code, err.splitlines()
        self.objects: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]


def run_stack(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    """``birefnet-video stack`` in this process: each of its own would load everything anew."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as ended:
            main(["stack", *map(str, arguments)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    captured = capsys.readouterr()
    return Ran(int(ended.value.code or 0), captured.out, captured.err)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
