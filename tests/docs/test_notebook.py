"""The notebook runs from its first cell to its last, as Jupyter runs it."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "samples" / "notebook.ipynb"
nbformat = pytest.importorskip("nbformat", reason="pip install '.[dev]' brings it")
nbclient = pytest.importorskip("nbclient", reason="pip install '.[dev]' brings it")


def test_it_is_kept_without_results_and_names_no_place() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert re.findall(r"https?:|/home/|/Users/|[A-Z]:\\", text) == []
    assert "%pip install --quiet birefnet-video" in cells[0].source


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    folder = tmp_path / "samples"
    folder.mkdir()
    shutil.copy(ROOT / "samples" / "dog.mp4", folder)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [
        [kind for output in cell.outputs for kind in output.get("data", {})]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert [kinds.count("image/png") for kinds in shown] == [0, 0, 3, 3, 0, 0]
    spoken = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "8 frames" in spoken and "error" not in spoken
    assert any("video/mp4" in str(output) for output in notebook.cells[-2].outputs)
    assert (folder / "green.mp4").stat().st_size > 10_000
