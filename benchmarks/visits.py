"""Visits dialogs and the queue while a render runs on a busy machine, and counts how often its figures stand still.

python benchmarks/visits.py [--visits 200] [--load 10]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from birefnet_video.tui.app import BirefnetApp
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.settings import Settings

from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.process import launch
from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore

#: Seconds in which figures must move after a visit, on a machine with so much else to do.
_PATIENCE_S = 30.0
_CLIP = Path(__file__).parents[1] / "samples" / "bunny.mp4"


async def _visit(app: BirefnetApp, visits: int, folder: Path) -> tuple[int, int]:
    """How often figures stood still, and how many visits there were."""
    frozen = made = 0
    async with app.run_test(size=(100, 30)) as pilot:
        while made < visits:
            await _until(lambda: _figures(app) is not None)
            for keys in (("q", "escape"), ("c", "escape"), ("j", "enter")):
                for key in keys:
                    await pilot.press(key)
                    await asyncio.sleep(0.1)
                if not isinstance(app.screen, MonitorScreen):
                    running = [each for each in app.store.records() if each.state is RecordState.RUNNING]
                    if not running:
                        running = [_start(app.store, folder)]
                    app.show_queue()
                    app.open_render(running[0])
                before = _figures(app)
                frozen += not await _until(lambda before=before: _figures(app) != before)
                made += 1
    return frozen, made


def _figures(app: BirefnetApp) -> tuple[object, ...] | None:
    if not isinstance(app.screen, MonitorScreen):
        return None
    view = app.screen._render_watch.view
    return None if view.snapshot.elapsed_s == 0 else (view.snapshot.elapsed_s, view.snapshot.written, view.record.state)


async def _until(condition) -> bool:  # type: ignore[no-untyped-def]
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


def _start(store: JobStore, folder: Path):  # type: ignore[no-untyped-def]
    out = folder / f"{time.time():.3f}.mov"
    output = OutputSpec("alpha", out)
    request = RenderRequest(JobSpec(folder / "long.mp4", (output,), backend=BackendSpec(engine="eager")))
    return launch(store, store.add(request, folder=folder, queued=False))


def main() -> None:
    """Print how many visits froze."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=200)
    parser.add_argument("--load", type=int, default=10, help="busy processes beside it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        join = folder / "list.txt"
        join.write_text(f"file '{_CLIP}'\n" * 60)
        make = ["ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(join), "-c", "copy"]
        subprocess.run([*make, "-an", str(folder / "long.mp4")], check=True)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.load)]
        # Renders are processes of their own, which find their records where the user's are.
        os.environ["XDG_STATE_HOME"] = name
        store = JobStore()
        try:
            app = BirefnetApp(store, Settings())
            app.begin_with(_start(store, folder), own=True)
            frozen, made = asyncio.run(_visit(app, options.visits, folder))
        finally:
            for process in busy:
                process.kill()
            for record in store.records():
                if record.state is RecordState.RUNNING and record.pid:
                    subprocess.run(["kill", str(record.pid)], check=False)
            time.sleep(3)
    print(f"{made} visits with {options.load} busy processes: {frozen} stood still")


if __name__ == "__main__":
    main()
