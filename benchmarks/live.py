"""A camera of 30 pictures a second, 640x480, matted live: latency against the network's own time, and what is dropped.

python benchmarks/live.py [--seconds 30] [--engine auto] [--plain] [--subject auto]
"""

import argparse
import tempfile
from pathlib import Path

from birefnet_video.live.session import LiveSession
from birefnet_video.options.live import LiveSpec, PaceSpec
from birefnet_video.options.matte import ColourSpec, LiveMatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputSpec


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", nargs="?", default="lavfi:testsrc2=size=640x480:rate=30")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--plain", action="store_true", help="without smoothing, guided edges and freed colours")
    parser.add_argument("--subject", help="follow this one, as of the command line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = OutputSpec("composite", Path(folder) / "out.mp4", quality="fast")
        size = tuple(options.size) if options.size else None
        spec = LiveSpec(
            options.source,
            (out,),
            backend=NetworkSpec(engine=options.engine, size=size),
            matte=LiveMatteSpec(smooth="off", refine=False, subject=options.subject)
            if options.plain
            else LiveMatteSpec(subject=options.subject),
            colour=ColourSpec(decontaminate="off" if options.plain else "fast"),
            pace=PaceSpec(duration=options.seconds),
        )
        session = LiveSession(spec, notify=print)
        session.start()
        session.wait()
        if session.error is not None:
            raise session.error
    s = session.snapshot()
    beyond, over_median = s.beyond_p95_s * 30, (s.latency_p95_s - s.network_s) * 30
    print(f"{s.shown} of {s.taken} pictures shown, {s.dropped} dropped, {s.fps:.1f} fps, network sees {s.size}")
    print(f"{s.looks} looks of the network, {s.reused} pictures unchanged, subjects {dict(s.subjects)}")
    p50, p95, network = (1000 * each for each in (s.latency_p50_s, s.latency_p95_s, s.network_s))
    print(f"latency p50 {p50:.0f}, p95 {p95:.0f} ms; network {network:.0f} ms")
    print(f"latency less the network's time for the same picture, p95: {beyond:.2f} times the time of a picture")
    print(f"p95 of latency less the median of the network's time: {over_median:.2f} times")


if __name__ == "__main__":
    main()
