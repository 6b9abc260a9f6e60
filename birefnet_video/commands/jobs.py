"""``birefnet-video jobs``: the renders that are kept, and the process that works through the queue."""

import json
import sys
import time
from dataclasses import asdict
from typing import Annotated

from birefnet_video.options.group import FLAT
from birefnet_video.options.run import JsonSpec
from birefnet_video.words import printable


def jobs(
    *,
    forget: str | None = None,
    words: Annotated[JsonSpec, FLAT] = JsonSpec(),
) -> int:
    """List renders: those that wait, run or have ended.

    Parameters
    ----------
    forget
        Remove the render with this id from the list; its files stay.
    """
    from birefnet_video.renders.store import JobStore

    store = JobStore()
    if forget is not None:
        store.remove(store.find(forget).id)
        return 0
    records = store.records()
    if not records and not words.json_lines:
        print("there are no renders: birefnet-video IN --detach starts one", file=sys.stderr)
    for record in records:
        if words.json_lines:
            # Who knows the key can cancel the render.
            print(json.dumps({name: value for name, value in asdict(record).items() if name != "key"}))
            continue
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_at))
        end = f"  {record.error}" if record.error else ""
        done, total = record.written or 0, record.frames or 0
        share = f"{done / total:4.0%}" if 0 < done < total else "    "
        line = f"{record.id}  {at}  {record.state:9} {share}  {record.source} -> {', '.join(record.outputs)}{end}"
        # A name can hold what is no text, and orders to the terminal.
        print(printable(line).encode(errors="backslashreplace").decode())
    return 0


def work() -> int:
    """Render what waits in the queue."""
    from birefnet_video.renders.process import work as work_through
    from birefnet_video.renders.store import JobStore

    work_through(JobStore())
    return 0
