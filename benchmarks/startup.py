"""What starts cost, in turn, median of several runs: of the help, and of renders of one frame.

Renders are compared with importing torch, which each of them does. Those that keep a graph have it lying ready.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
SAMPLE = Path(__file__).parents[1] / "samples" / "bunny.mp4"


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - started


def compare(commands: dict[str, list[str]]) -> None:
    """Take turns and print medians, as multiples of the first one's."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    # What runs for the first time reads from the disk, and builds what is kept.
    for command in commands.values():
        seconds(command)
    for _ in range(RUNS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    base = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:28} {middle:.3f} s, {middle / base:.2f}x, from {min(values):.3f} to {max(values):.3f}")


def main() -> None:
    """Measure the help, then renders."""
    compare({"python -c pass": ["-c", "pass"], "birefnet-video --help": ["-m", "birefnet_video", "--help"]})
    with tempfile.TemporaryDirectory() as folder:
        render = ["-m", "birefnet_video", str(SAMPLE), "--alpha", f"{folder}/out.mov", "-y", "-t", "0.03"]
        engines = {f"one frame, {name}": [*render, "--engine", name] for name in ("eager", "openvino")}
        compare({"python -c 'import torch'": ["-c", "import torch"], **engines})


if __name__ == "__main__":
    main()
