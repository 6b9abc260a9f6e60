"""The other end of :mod:`birefnet_video.workers.ray_worker`: what Ray starts on a machine of a cluster."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from birefnet_video.commit import full_version
from birefnet_video.errors import BackendUnavailable
from birefnet_video.options.serial import converter
from birefnet_video.types import Preview, Step
from birefnet_video.workers.elsewhere import Elsewhere
from birefnet_video.workers.needed import Needed
from birefnet_video.workers.picture import picture_to_json
from birefnet_video.workers.segment_worker import SegmentWorker
from birefnet_video.workers.tasks import Brief, Task, error_to_json


class Actor:
    """Makes segments of one render after another. Its answers hold ``done`` or ``failed``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored, self._said = 0, list[tuple[str, str]]()
        self._shown: Preview | None = None
        self._worker = SegmentWorker(self._notify)
        self._needed: Needed | None = None
        self._elsewhere: Elsewhere | None = None

    def look(self, needed: Mapping[str, Any], version: str) -> dict[str, Any]:
        """Where this is, and what files of a render are not seen here.

        Args:
            needed: of :class:`Needed`, as JSON values.
            version: of the program that asks.
        """
        return _answered(lambda: self._look(needed, version))

    def open(self, brief: Mapping[str, Any], unseen: Sequence[str], url: str | None) -> dict[str, Any]:
        """See :meth:`SegmentWorker.open`.

        Args:
            brief: of :class:`Brief`, as JSON values.
            unseen: groups of files that are not seen here.
            url: of who gives them out and takes what is made; ``None``: all are seen.
        """
        return _answered(lambda: self._open(brief, unseen, url))

    def render(self, task: Sequence[int]) -> dict[str, Any]:
        """See :meth:`SegmentWorker.render`."""
        return _answered(lambda: self._render(Task.from_json(list(task))))

    def news(self, wish: Sequence[Any] | None = None) -> dict[str, Any]:
        """Frames that lie on the disk and what was said since the last time, and a picture if there is another one.

        Args:
            wish: width, height, zoom and place of the next picture; ``None``: nobody looks.
        """
        picture = None if wish is None else self._worker.preview(*wish)
        with self._lock:
            news: dict[str, Any] = {"stored": self._stored, "said": self._said, "picture": None}
            self._stored, self._said = 0, []
            if picture is not None and picture is not self._shown:
                self._shown, news["picture"] = picture, picture_to_json(picture)
        return news

    def pause(self) -> None:
        """See :meth:`SegmentWorker.pause`."""
        self._worker.pause()

    def resume(self) -> None:
        """See :meth:`SegmentWorker.resume`."""
        self._worker.resume()

    def tidy(self) -> None:
        """Remove what it has written here: the render has ended, or it will be ended."""
        if self._elsewhere is not None:
            self._elsewhere.close()

    def _look(self, needed: Mapping[str, Any], version: str) -> dict[str, Any]:
        import socket

        import ray

        node = socket.gethostname()
        if full_version() != version:
            raise BackendUnavailable(f"{node} has birefnet-video {full_version()}, this machine {version}")
        self._needed = Needed.from_json(needed)
        return {"node": node, "address": ray.util.get_node_ip_address(), "unseen": self._needed.unseen()}

    def _open(self, values: Mapping[str, Any], unseen: Sequence[str], url: str | None) -> dict[str, Any]:
        self.tidy()
        brief, self._elsewhere = Brief.from_json(values), None
        if url is not None:
            assert self._needed is not None  # looked for before
            self._elsewhere = Elsewhere(url, unseen, self._needed)
            brief = Brief(self._elsewhere.plan(brief.plan), brief.timeline)
        answer: dict[str, Any] = converter().unstructure(self._worker.open(brief))
        return answer

    def _render(self, task: Task) -> dict[str, Any]:
        done = self._worker.render(task, self._told)
        if self._elsewhere is not None:
            self._elsewhere.send(task)
        return done.to_json()

    def _notify(self, message: str) -> None:
        kind, text = "step" if isinstance(message, Step) else "notice", str(message)
        if self._elsewhere is not None:
            text = self._elsewhere.told_as_asked(text)
        with self._lock:
            self._said.append((kind, text))

    def _told(self, count: int) -> None:
        with self._lock:
            self._stored += count


def _answered(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"done": work()}
    except Exception as error:  # noqa: BLE001 - the process border: who waits must be told
        return {"failed": error_to_json(error)}
