"""A short run of the mutants; the long one is ``PYTHONPATH=tests/support python tests/fuzz/mutants.py 0 2000``."""

import os
from pathlib import Path

import pytest
from mutants import run

#: Mutants a test, so that a failure names its neighbourhood; they are spread over all clips.
_EACH = 12


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants run in forked processes")
@pytest.mark.parametrize("first", range(0, 60, _EACH))
def test_damaged_files_end_in_one_line_and_leave_nothing_under_a_final_name(first: int, tmp_path: Path) -> None:
    verdicts = [run(seed, tmp_path / "job") for seed in range(first, first + _EACH)]
    assert not [f"{verdict.name}: {verdict.finding} {verdict.message}" for verdict in verdicts if verdict.finding]
