"""What the terminal interface costs: throughput with it and without it in turns, its own time, bytes, and key to paint.

    python benchmarks/tui.py [CLIP] [--windows 12] [--seconds 4] [--only start]

One render in a process of its own; the interface is attached in a terminal of 80 x 24 and, in every other window,
stopped by a signal. Prints medians. With ``--only start``: from calling it to its first screen, nine times.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from multiprocessing.connection import Client
from pathlib import Path

from birefnet_video.renders import wire
from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore

PROGRAM = [sys.executable, "-m", "birefnet_video"]
TICK = os.sysconf("SC_CLK_TCK")
#: Starts that are measured.
_STARTS = 9


class Attached:
    """The interface in a terminal that is read all the time."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        self.octets = 0
        self.tail = b""
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            select.select([self.master], [], [])
            try:
                block = os.read(self.master, 1 << 16)
            except OSError:
                return
            with self.changed:
                self.octets += len(block)
                self.tail = (self.tail + block)[-200_000:]
                self.changed.notify_all()

    def cpu_s(self, *, main_thread: bool) -> float:
        """Processor time of the interface's thread, or of its process."""
        pid = self.process.pid
        path = f"/proc/{pid}/task/{pid}/stat" if main_thread else f"/proc/{pid}/stat"
        fields = Path(path).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def key_to_paint_ms(self, key: bytes, words: list[bytes]) -> float:
        """From a key to the first of ``words`` on the screen."""
        with self.changed:
            self.tail = b""
            started = time.perf_counter()
            os.write(self.master, key)
            self.changed.wait_for(lambda: any(word in self.tail for word in words), timeout=5)
        return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", nargs="?", type=Path, default=Path(__file__).parents[1] / "samples" / "bunny.mp4")
    parser.add_argument("--windows", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", choices=["start"])
    options = parser.parse_args()
    if options.only == "start":
        _measure_start(options.clip)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        long = Path(folder) / "long.mp4"
        _repeat(options.clip, long, 40)
        subprocess.run([*PROGRAM, str(long), "--green", f"{folder}/out.mp4", "--detach"], check=True)
        _measure(JobStore(), options.windows, options.seconds)


def _measure_start(clip: Path) -> None:
    """From calling it to the clips of a folder on the screen: on the clock, and of the processor."""
    clocks, processor = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        (Path(folder) / "sample.mp4").symlink_to(clip.absolute())
        os.chdir(folder)
        for _ in range(_STARTS):
            began = time.perf_counter()
            view = Attached("tui")
            with view.changed:
                view.changed.wait_for(lambda view=view: b"sample.mp4" in view.tail, timeout=60)
            clocks.append(time.perf_counter() - began)
            processor.append(view.cpu_s(main_thread=False))
            os.kill(view.process.pid, signal.SIGTERM)
            view.process.wait()
    clock, cpu = (sorted(each) for each in (clocks, processor))
    print(f"start to first screen: {clock[0]:.2f} s at least, median {clock[_STARTS // 2]:.2f} s")
    print(f"  of a processor: {cpu[0]:.2f} s at least, median {cpu[_STARTS // 2]:.2f} s; load {os.getloadavg()[0]:.1f}")


def _repeat(clip: Path, target: Path, times: int) -> None:
    import av

    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = max(packet.pts for packet in packets) + packets[0].duration
        for turn in range(times):
            source.seek(0, stream=stream)
            for packet in source.demux(stream):
                if packet.dts is None:
                    continue
                packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                packet.stream = copy
                sink.mux(packet)


def _measure(store: JobStore, windows: int, seconds: float) -> None:
    while not (record := store.records()[0]).address:
        time.sleep(0.1)
    connection = Client(record.address, authkey=bytes.fromhex(record.key))

    def written() -> int:
        wire.send(connection, {"do": "look", "after": 0})
        # Frames composed: encoders give them out in bursts.
        return wire.snapshot_from_json(wire.receive(connection)["snapshot"]).stages[-2].items

    while True:
        wire.send(connection, {"do": "look", "after": 0})
        if len(wire.receive(connection)["snapshot"]["stages"]) and written() > 20:
            break
        time.sleep(0.2)
    view = Attached("attach", record.id)
    time.sleep(6)
    began, before = time.monotonic(), (view.cpu_s(main_thread=True), view.cpu_s(main_thread=False), view.octets)
    time.sleep(windows * seconds)
    passed = time.monotonic() - began
    thread = (view.cpu_s(main_thread=True) - before[0]) / passed
    process = (view.cpu_s(main_thread=False) - before[1]) / passed
    octets = (view.octets - before[2]) / passed
    rates: dict[bool, list[float]] = {True: [], False: []}
    for window in range(2 * windows):
        on = window % 2 == 0
        os.kill(view.process.pid, signal.SIGCONT if on else signal.SIGSTOP)
        time.sleep(0.3)
        began, frames = time.monotonic(), written()
        time.sleep(seconds)
        passed = time.monotonic() - began
        rates[on].append((written() - frames) / passed)
    os.kill(view.process.pid, signal.SIGCONT)
    time.sleep(1)
    paints = []
    for _ in range(24):
        paints.append(view.key_to_paint_ms(b"v", [b"matte", b"source", b"green", b"composite", b"sent", b"written"]))
        time.sleep(0.37)
    ratios = [on / off for on, off in zip(rates[True], rates[False], strict=True) if off]
    print(
        f"throughput with / without: {statistics.median(ratios):.3f} (median of {len(ratios)} pairs of {seconds:g} s)"
    )
    print(f"  {statistics.median(rates[True]):.2f} and {statistics.median(rates[False]):.2f} frames a second")
    print(f"interface's thread: {thread:.1%} of a core, process {process:.1%}")
    print(f"to the terminal: {octets / 1000:.1f} kB/s")
    paints.sort()
    print(f"key to paint: p50 {paints[len(paints) // 2]:.0f} ms, p95 {paints[int(0.95 * len(paints))]:.0f} ms")
    os.kill(view.process.pid, signal.SIGTERM)
    wire.send(connection, {"do": "cancel", "keep": False})
    while store.records()[0].state is RecordState.RUNNING:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
