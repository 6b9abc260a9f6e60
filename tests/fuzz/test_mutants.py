"""A short run of the mutants; the long one is ``PYTHONPATH=tests/support python tests/fuzz/mutants.py 0 2000``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants run in forked processes")
def test_damaged_files_end_in_one_line_and_leave_nothing_under_a_final_name() -> None:
    done = subprocess.run(
        [sys.executable, _TESTS / "fuzz/mutants.py", "0", "60"],
        env=os.environ | {"PYTHONPATH": str(_TESTS / "support")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 mutants, 0 findings" in done.stdout
