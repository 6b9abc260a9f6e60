"""TESTING.md says what there is."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "TESTING.md").read_text(encoding="utf-8")
#: What each row of its table is about.
ROWS = re.findall(r"^\| `(tests/\w+)` \| (.+) \|$", TEXT, re.MULTILINE)


def test_every_folder_of_tests_has_its_row_and_every_row_its_folder() -> None:
    folders = [f"tests/{path.name}" for path in TESTS.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert sorted(folder for folder, _ in ROWS) == sorted(folders)
    assert len({proof for _, proof in ROWS}) == len(ROWS)


def test_every_file_that_it_names_is_there() -> None:
    names = set(re.findall(r"(?:tests|benchmarks|support)/[\w./]*\w", TEXT))
    missing = [name for name in names if not any((root / name).exists() for root in (TESTS.parent, TESTS))]
    assert missing == [] and len(names) > 20


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 100
