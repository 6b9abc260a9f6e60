"""What it costs to keep what a long render has done: the same clip in segments and in one go, in turns.

    python benchmarks/segments.py [INPUT] [--segment SECONDS] [--model tiny] [--turns N]

Prints the ratio of rendering times for ProRes with alpha and for H.264, that of processor times of whole runs (which
other programs disturb less), the disk space of the parts as a share of the output, and how long a run takes that only
muxes what an earlier one has done, as a share of the whole render.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from birefnet_video import matte_video
from birefnet_video.outputs import segments as segments_of_outputs
from birefnet_video.outputs.segmented import SegmentedWriter

_SAMPLE = Path(__file__).parents[1] / "samples" / "bunny.mp4"
_OUTPUTS = {"ProRes 4444": ("alpha", "a.mov"), "H.264": ("green", "g.mp4")}


class _Stopped(Exception):
    """Ends a render when all of it lies in parts."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, default=_SAMPLE)
    parser.add_argument("--segment", type=float, default=1.0)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    given: dict[str, Any] = {"model": options.model, "overwrite": True}
    print(
        print("| output | time in segments of time in one go | processor time | parts of the output | muxing alone |")
    )
    print("|---|---|---|---|---|")
    for name, (kind, file) in _OUTPUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / file
            given[kind] = target
            ratios, busy = [], []
            for _ in range(options.turns):
                begun = time.process_time()
                plain = matte_video(options.source, resume="never", **given)
                between = time.process_time()
                cut = matte_video(options.source, segment=options.segment, **given)
                ratios.append(cut.seconds / plain.seconds)
                busy.append((time.process_time() - between) / (between - begun))
            share, muxed = _muxing(options.source, target, {**given, "segment": options.segment})
            print(
                f"| {name} | {median(ratios):.3f} | {median(busy):.3f} | {share:.2f} | {muxed / plain.seconds:.3f} |",
                flush=True,
            )
            del given[kind]


def _muxing(source: Path, target: Path, given: dict[str, Any]) -> tuple[float, float]:
    """Size of all parts as a share of the output's, and the seconds of a run that has nothing else to do than mux."""

    def stop(writer: SegmentedWriter, promise: object) -> None:
        raise _Stopped

    usual, SegmentedWriter.verify = SegmentedWriter.verify, stop  # type: ignore[method-assign,assignment]
    try:
        matte_video(source, **given)
    except _Stopped:
        pass
    finally:
        SegmentedWriter.verify = usual  # type: ignore[method-assign]
    parts = sum(path.stat().st_size for path in segments_of_outputs.folder_of(target).glob("*.part"))
    begun = time.perf_counter()
    report = matte_video(source, **given)
    took = time.perf_counter() - begun
    assert report.frames
    return parts / target.stat().st_size, took


if __name__ == "__main__":
    main()
