"""Many renders put into the queue, which outlives the program."""

import sys
from pathlib import Path

from birefnet_video.json_lines import say_json
from birefnet_video.many.planning import Planned
from birefnet_video.options.request import not_apart
from birefnet_video.options.run import RunSpec
from birefnet_video.renders.process import ensure_worker
from birefnet_video.renders.store import JobStore


def put_into_queue(planned: Planned, run: RunSpec) -> int:
    """Put renders into the queue, and have a process work through it.

    Returns:
        the exit code.

    Raises:
        OutputRefused: if a folder for outputs cannot be made, or the user has no place for the queue.
    """
    store = JobStore()
    planned.make_folders()
    for request in planned.requests:
        record = store.add(not_apart(request), folder=Path.cwd())
        if run.style == "json":
            say_json({"event": "queued", "id": record.id, "input": record.source, "outputs": list(record.outputs)})
    if planned.requests:
        ensure_worker(store)
    if run.style == "json":
        counts = {"queued": len(planned.requests), "skipped": len(planned.skipped)}
        say_json({"event": "summary", "exit_code": 0, **counts})
    elif not run.quiet:
        skipped = f", {len(planned.skipped)} skipped" if planned.skipped else ""
        print(f"{len(planned.requests)} in the queue{skipped}: birefnet-video jobs lists it", file=sys.stderr)
    return 0
