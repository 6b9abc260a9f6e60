"""A live session for watchers of other processes."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.events import SubjectNoted
from birefnet_video.options.backgrounds import parse_background
from birefnet_video.renders import wire
from birefnet_video.types import Preview

if TYPE_CHECKING:
    from birefnet_video.live.session import LiveSession


class ServedLive:
    """See :class:`birefnet_video.renders.server.Served`."""

    def __init__(self) -> None:
        self._session: LiveSession | None = None
        self._lines: list[wire.LogLine] = []

    def note(self, line: str) -> None:
        """Something that a user should know."""
        self._lines.append(wire.LogLine(time.time(), "note", line))

    def note_subject(self, event: SubjectNoted) -> None:
        """What has become of a subject."""
        level: wire.Level = "note" if event.counts else "info"
        self._lines.append(wire.LogLine(time.time(), level, f"subject: {event.describe()}", wire.noted_of(event)))

    def complain(self, fault: str) -> None:
        """See :class:`birefnet_video.renders.server.Served`."""
        self._lines.append(wire.LogLine(time.time(), "error", fault))

    def begin(self, session: "LiveSession") -> None:
        """The session that watchers see from now on."""
        self._session = session

    def look(self, after: int) -> dict[str, Any]:
        """See :class:`birefnet_video.renders.server.Served`."""
        live = asdict(self._session.snapshot()) if self._session is not None else None
        return {"live": live, "lines": [asdict(line) for line in self._lines[after:]]}

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :class:`birefnet_video.renders.server.Served`."""
        return self._session.preview(width, height, zoom, at) if self._session is not None else None

    def obey(self, order: dict[str, Any]) -> None:
        """See :class:`birefnet_video.renders.server.Served`."""
        session, wish = self._session, order["do"]
        if session is None:
            return
        if wish == "cancel":
            session.stop()
        elif wish == "freeze":
            session.freeze(bool(order["on"]))
        elif wish == "mirror":
            session.set_mirror(bool(order["on"]))
        elif wish == "threshold":
            session.set_threshold(order["value"])
        else:
            try:
                if wish == "background":
                    session.set_background(parse_background(order["text"]))
                elif wish == "subject":
                    session.set_subject(order["text"] or None, keep=bool(order.get("keep")))
            except BirefnetVideoError as error:
                self.note(str(error))
