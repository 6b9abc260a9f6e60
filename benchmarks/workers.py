"""One process against several workers that share the segments of one clip, in turns.

    python benchmarks/workers.py [INPUT] [--model tiny] [--workers 2] [--device cuda:all] [--segment 2] [--turns N]

Prints the frames a second of workers over those of one process (segments in both), once without the seconds of
loading, which each worker spends for itself, and once with them. With --workers 0 there are as many as devices.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from birefnet_video import matte_video

SAMPLE = Path(__file__).parents[1] / "samples" / "bunny.mp4"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--smooth", default="normal")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--segment", type=float, default=1.0)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    given = {"model": options.model, "engine": options.engine, "smooth": options.smooth, "segment": options.segment}
    pace, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mov"
        # What engines build once is no part of it.
        _run(options.source, target, given)
        for _ in range(options.turns):
            alone = _run(options.source, target, given)
            shared = _run(
                options.source, target, {**given, "device": options.device, "workers": options.workers or None}
            )
            pace.append(shared[0] / alone[0])
            whole.append(alone[1] / shared[1])
            print(f"frames a second {pace[-1]:.3f}, with loading {whole[-1]:.3f}", flush=True)
    print(f"median of {options.turns}: {statistics.median(pace):.3f}, with loading {statistics.median(whole):.3f}")


def _run(source: Path, target: Path, options: dict[str, Any]) -> tuple[float, float]:
    """Frames a second, and seconds of all."""
    started = time.perf_counter()
    report = matte_video(source, alpha=target, overwrite=True, **options)
    return report.fps, time.perf_counter() - started


if __name__ == "__main__":
    main()
