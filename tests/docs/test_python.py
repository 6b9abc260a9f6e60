"""Examples in Python run as they are printed, page by page."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from markdown import PAGES, blocks_of

from birefnet_video import api

WITH_PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks_of(page))]


def given() -> dict[str, Any]:
    """What examples take for granted."""
    y, x = np.mgrid[:96, :128]
    frames = []
    for index in range(4):
        disc = (x - 50 - 5 * index) ** 2 + (y - 48) ** 2 < 30**2
        frames.append(np.where(disc[..., None], np.uint8([220, 60, 40]), np.uint8([30, 90, 40])))
    return {
        "rgb": frames[0],
        "picture": frames[0],
        "pictures": frames[:2],
        "frames": frames,
        "alphas": [frame[..., 0] / np.float32(255) for frame in frames],
    }


def test_pages_with_examples_are_found() -> None:
    assert {page.name for page in WITH_PYTHON} >= {"README.md", "python.md", "look.md"}


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_examples_in_python_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("in.mp4", "a.mp4", "b.mp4"):
        # That page looks at a time that lies a minute on.
        long = {"frames": 70, "rate": 1} if page.name == "look.md" else {"frames": 8, "rate": 10}
        make_clip(tmp_path / name, **(long if name == "in.mp4" else {"frames": 2}))
    monkeypatch.chdir(tmp_path)
    names = given()
    for block in blocks_of(page):
        if block.language == "python":
            # A fault is shown with the page's own line.
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            exec(code, names)
    api._kept_open.cache_clear()
    if page.name == "python.md":
        assert names["report"].frames == 8 and len(names["steady"]) == 4
        made = {"out.mov", "a.mp4.green.mp4", "b.mp4.green.mp4", "mask.mkv", "job.mkv"}
        assert made <= {path.name for path in tmp_path.iterdir()}
