"""ARCHITECTURE.md names what is there, and its glossary is short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
#: Paths in it begin in one of these.
PLACES = (ROOT, ROOT / "birefnet_video")


def named() -> list[str]:
    """Paths of files and folders between backquotes."""
    quoted = re.findall(r"`([^`\n]+)`", TEXT)
    paths = [word for word in quoted if re.fullmatch(r"[\w./-]+", word) and ("/" in word or word.endswith(".py"))]
    return sorted({path for path in paths if not path.startswith(".") and path not in ("opencv.py", "torch.py")})


@pytest.mark.parametrize("path", named())
def test_what_it_names_is_there(path: str) -> None:
    assert any((place / path).exists() for place in PLACES), path


def test_every_folder_of_sources_is_named() -> None:
    rooms = {path.name for path in (ROOT / "birefnet_video").iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert {room for room in rooms if not re.search(rf"`{room}[`/]", TEXT)} == set()


def test_the_glossary_is_short() -> None:
    glossary = TEXT.partition("## Words of the house\n")[2].split("\n## ")[0]
    assert 10 < glossary.count("\n|") <= 32


def test_classes_that_it_names_exist() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for top in ("birefnet_video", "model", "tui")
        for path in (ROOT / top).rglob("*.py")
    )
    for name in set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", TEXT)):
        assert re.search(rf"\b(class {name}\b|{name} =)", sources), name
