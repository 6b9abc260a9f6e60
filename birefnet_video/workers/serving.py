"""The other end of :mod:`birefnet_video.workers.local`: a process that makes segments as standard input says.

Each line of standard input and output is one JSON object. The first one says which cores it has; then come the
``brief`` of a render and its tasks to ``render``, the same of the next one, and meanwhile ``pause``, ``resume`` and
wishes for a ``preview``. Answers are ``ready``, ``notice``, ``step``, ``stored``, ``picture``, ``done`` and ``failed``.
"""

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any

from birefnet_video.types import Preview, Step


class Answers:
    """Writes answers, whole lines, from any thread."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._lock = file, threading.Lock()
        self._shown: Preview | None = None

    def say(self, **values: Any) -> None:
        """Write one."""
        with self._lock:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()

    def show(self, picture: Preview | None) -> None:
        """Give a picture, if it is another one than the last time."""
        if picture is not None and picture is not self._shown:
            from birefnet_video.workers.picture import picture_to_json

            self._shown = picture
            self.say(picture=picture_to_json(picture))

    def notify(self, message: str) -> None:
        """Something a user should know, or a :class:`Step`."""
        self.say(**{"step" if isinstance(message, Step) else "notice": str(message)})


def main() -> None:
    """Make segments until standard input ends, and end with it: who has asked for them may be gone."""
    # Who hands out the work says when to stop, not the terminal that it was started in.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = Answers(_own_output())
    first = json.loads(sys.stdin.readline())
    if first["cores"] and hasattr(os, "sched_setaffinity"):
        # Before libraries count them.
        os.sched_setaffinity(0, first["cores"])
    from birefnet_video.backends.base import BackendInfo
    from birefnet_video.errors import BirefnetVideoError
    from birefnet_video.options.serial import converter
    from birefnet_video.pipeline.share import NotAsListed
    from birefnet_video.workers.segment_worker import SegmentWorker
    from birefnet_video.workers.tasks import Brief, Task, error_to_json

    worker = SegmentWorker(answers.notify)
    orders: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(worker, orders, answers), daemon=True).start()
    try:
        for order in _orders(orders):
            if "brief" in order:
                info: BackendInfo = worker.open(Brief.from_json(order["brief"]))
                answers.say(ready=converter().unstructure(info))
                continue
            try:
                done = worker.render(Task.from_json(order["render"]), lambda count: answers.say(stored=count))
            except (NotAsListed, BirefnetVideoError) as error:
                # Another one may be made.
                answers.say(failed=error_to_json(error))
            else:
                answers.say(done=done.to_json())
    except BaseException as error:
        answers.say(failed=error_to_json(error))
        raise


def _own_output() -> IO[str]:
    """Standard output for answers alone: what libraries print goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _orders(orders: "queue.SimpleQueue[Mapping[str, Any]]") -> Iterator[Mapping[str, Any]]:
    while True:
        yield orders.get()


def _listen(worker: Any, orders: "queue.SimpleQueue[Mapping[str, Any]]", answers: Answers) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "render" in order or "brief" in order:
            orders.put(order)
        elif "preview" in order:
            answers.show(worker.preview(*order["preview"]))
        elif order.get("pause"):
            worker.pause()
        else:
            worker.resume()
    # Whatever is half done is made anew by others.
    os._exit(0)


if __name__ == "__main__":
    main()
