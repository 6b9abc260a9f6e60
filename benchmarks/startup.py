"""What ``birefnet-video --help`` costs beside an interpreter that does nothing, in turn, median of several runs.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

RUNS = 15


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Take turns and print medians."""
    commands = {"python -c pass": ["-c", "pass"], "birefnet-video --help": ["-m", "birefnet_video", "--help"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, arguments in commands.items():
            times[name].append(seconds([sys.executable, *arguments]))
    base = statistics.median(times["python -c pass"])
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:24} {middle:.3f} s, {middle / base:.1f}x, from {min(values):.3f} to {max(values):.3f}")


if __name__ == "__main__":
    main()
