"""Answers whoever watches a job, in the process that renders."""

import contextlib
import logging
import shutil
import tempfile
import threading
import time
from dataclasses import asdict
from multiprocessing.connection import Connection, Listener
from typing import Any, Protocol

from birefnet_video.bottleneck import advice
from birefnet_video.event_words import describe_error, say_event
from birefnet_video.events import JobEvent, JobFailed, JobNotice, JobStarted, SceneCut, SubjectNoted
from birefnet_video.jobs import Job
from birefnet_video.lasting import LastingThread
from birefnet_video.renders import wire
from birefnet_video.types import Preview

_log = logging.getLogger(__name__)


class Served(Protocol):
    """What a server tells of, and whom its orders are for. From any thread."""

    def look(self, after: int) -> dict[str, Any]:
        """All that a watcher shows, with what was said after so many lines."""
        ...

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """As of :meth:`birefnet_video.jobs.Job.preview`."""
        ...

    def obey(self, order: dict[str, Any]) -> None:
        """Do what a watcher asks for; what is not known is left undone."""
        ...

    def complain(self, fault: str) -> None:
        """Tell watchers that a thread had to be begun anew."""
        ...


class ServedJob:
    """A job for watchers."""

    def __init__(self, job: Job) -> None:
        """
        Args:
            job: not yet started.
        """
        self._job = job
        self._lines: list[wire.LogLine] = []
        job.subscribe(self._note)

    def look(self, after: int) -> dict[str, Any]:
        """See :class:`Served`."""
        info, backend = self._job.info, self._job.backend
        snapshot = self._job.snapshot()
        return {
            "snapshot": wire.snapshot_to_json(snapshot),
            "clip": asdict(wire.clip_of(info)) if info else None,
            "plan": backend.describe() if backend else None,
            "advice": {stage.name: advice(stage.name, self._job.spec, backend, info) for stage in snapshot.stages},
            "lines": [asdict(line) for line in self._lines[after:]],
        }

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :class:`Served`."""
        return self._job.preview(width, height, zoom, at)

    def obey(self, order: dict[str, Any]) -> None:
        """See :class:`Served`."""
        wish = order["do"]
        if wish == "pause":
            self._job.pause()
        elif wish == "resume":
            self._job.resume()
        elif wish == "cancel":
            self._job.cancel(keep=order["keep"])

    def complain(self, fault: str) -> None:
        """See :class:`Served`."""
        self._lines.append(wire.LogLine(time.time(), "error", fault))

    def _note(self, event: JobEvent) -> None:
        now = time.time()
        if isinstance(event, SceneCut):
            self._lines.append(wire.LogLine(now, "info", f"a new shot begins at {event.frame.time_s:.2f} s"))
            return
        noted = wire.noted_of(event) if isinstance(event, SubjectNoted) else None
        is_note = isinstance(event, JobNotice) or (noted is not None and noted.counts)
        level: wire.Level = "error" if isinstance(event, JobFailed) else "note" if is_note else "info"
        said = [describe_error(event.error)] if isinstance(event, JobFailed) else []
        if not said:
            say_event(event, said.append)
        if isinstance(event, JobStarted):
            # What the clip is stands above the picture.
            said = said[1:]
        self._lines.extend(wire.LogLine(now, level, line.removeprefix("note: "), noted) for line in said)


class JobServer:
    """Tells and obeys watchers of other processes. Any number may be connected at once."""

    def __init__(self, served: Served, key: bytes) -> None:
        """
        Args:
            served: what it tells of.
            key: watchers must know it.
        """
        self._served = served
        self._folder: str | None = None
        try:
            self._listener = Listener(None, authkey=key)
        except OSError:
            # A folder for temporary files with a long name: the path of a socket has little room.
            self._folder = tempfile.mkdtemp(prefix="birefnet-video-", dir="/tmp")
            self._listener = Listener(f"{self._folder}/socket", authkey=key)
        self._thread = LastingThread("renders: watchers", self._listen, served.complain)

    @property
    def address(self) -> str:
        """Where it answers: a path or the name of a pipe."""
        return str(self._listener.address)

    def start(self) -> None:
        """Answer, on threads of its own."""
        self._thread.start()

    def close(self) -> None:
        """Answer no new watcher."""
        self._thread.close()
        with contextlib.suppress(OSError):
            self._listener.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                # Closed, or whoever called did not know the key or hung up.
                if self._listener_is_closed():
                    return
                continue
            except Exception:  # noqa: BLE001 - the process border: a caller of any kind must not end the render
                continue
            threading.Thread(target=self._answer_all, args=(connection,), name="renders: watcher", daemon=True).start()

    def _listener_is_closed(self) -> bool:
        return getattr(self._listener, "_listener", None) is None

    def _answer_all(self, connection: Connection) -> None:
        with connection:
            try:
                while True:
                    self._answer(connection, wire.receive(connection))
            except (EOFError, OSError, ValueError, KeyError, TypeError):
                # The watcher has gone, or speaks otherwise; the render goes on.
                return
            except Exception as error:  # noqa: BLE001 - the process border: the watcher calls again and is answered anew
                _log.exception("a watcher could not be answered")
                self._served.complain(f"renders: watcher: {type(error).__name__}: {error}; begun anew")

    def _answer(self, connection: Connection, request: dict[str, Any]) -> None:
        wish = request["do"]
        if wish == "look":
            wire.send(connection, self._served.look(request["after"]))
        elif wish == "preview":
            at = request.get("at")
            place = (float(at[0]), float(at[1])) if at else None
            picture = self._served.preview(request["width"], request["height"], request["zoom"], place)
            wire.send_preview(connection, picture)
        else:
            self._served.obey(request)
