"""The script for a GPU machine runs to its end here, where it is dry: minutes there are few."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_script_for_a_gpu_machine_runs_dry() -> None:
    script = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--dry"]
    ran = subprocess.run(script, capture_output=True, text=True, check=False, timeout=900)
    steps = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("## ")]
    assert ran.returncode == 0, ran.stdout
    assert steps == [
        *("machine", "renders", "first_frame", "engines", "composing", "changes", "flow", "kernels"),
        *("profiled", "small_cards", "marked_tests", "decoding", "views", "live", "little_memory"),
    ]
    assert "- failed" not in ran.stdout and ": no frame:" not in ran.stdout and "ended with 0" in ran.stdout, ran.stdout
