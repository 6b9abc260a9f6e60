"""The files of a render for workers that do not see them: given out and taken back by the machine that asks."""

import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from birefnet_video.errors import BackendUnavailable, OutputRefused, UsageError
from birefnet_video.inputs.reader import Notify
from birefnet_video.outputs.segments import try_path
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.sinks import numbering
from birefnet_video.pipeline.timeline import Timeline
from birefnet_video.workers.file_server import FileServer
from birefnet_video.workers.needed import INPUT, OUTPUTS, Needed, files_of
from birefnet_video.workers.tasks import Task

#: A port that nobody need listen at: only the way there is asked for.
_ANY_PORT = 9


class Sharing:
    """What a render's workers may fetch and send, for as long as one uses it. From any thread."""

    def __init__(self, plan: Plan, timeline: Timeline, notify: Notify) -> None:
        """
        Args:
            plan: of the render; its outputs' parts have folders already.
            timeline: its frames.
            notify: takes what a user should know.

        Raises:
            OutputRefused: if files cannot be read or folders cannot be written.
        """
        self._plan, self._timeline, self._notify = plan, timeline, notify
        self._lock = threading.Lock()
        self._users = 0
        self._servers: dict[str, FileServer] = {}
        """By the address that each listens at."""
        try:
            self.needed = Needed.of(plan)
            self.needed.leave_marks()
        except OSError as error:
            raise OutputRefused(f"{error.filename}: cannot be shared: {error.strerror}") from None

    def enter(self) -> None:
        """Somebody uses it."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Somebody does not any more; after the last one nothing is given out."""
        with self._lock:
            self._users -= 1
            servers = [] if self._users else [*self._servers.values()]
        for server in servers:
            server.close()
        if servers or not self._users:
            self.needed.remove_marks()

    def offer(self, unseen: Sequence[str], address: str, who: str) -> str:
        """Where a worker fetches and sends what it does not see.

        Args:
            unseen: groups of files.
            address: of its machine.
            who: it is, in words.

        Returns:
            the address, without a slash at its end.

        Raises:
            UsageError: if the network is fitted to pictures that it does not see.
            BackendUnavailable: if no way leads there.
        """
        network = self._plan.spec.backend
        if INPUT in unseen and network.precision == "int8" and network.calibration is None:
            raise UsageError(
                f"--precision int8: is fitted to frames of {self._plan.info.path}, which {who} does not see",
                hint="give it pictures by --calibration, or let the input lie where all machines see it",
            )
        try:
            here = _own_address(address)
            with self._lock:
                if here not in self._servers:
                    self._servers[here] = FileServer(here, self._files())
                server = self._servers[here]
        except OSError as error:
            why = error.strerror or error
            raise BackendUnavailable(f"files for {who} cannot be given out at {address}: {why}") from None
        read = [group for group in unseen if group != OUTPUTS]
        says = [f"reads {_listed(read)} from" if read else "", "sends its parts to" if OUTPUTS in unseen else ""]
        self._notify(f"{who}: {' and '.join(filter(None, says))} {server.place}, as no shared storage holds them")
        return server.url

    def expect(self, task: Task) -> dict[str, Path]:
        """Take the files of a segment.

        Returns:
            what :meth:`forget` is to be given.
        """
        parts = self._parts(task)
        with self._lock:
            servers = [*self._servers.values()]
        for server in servers:
            server.expect(parts)
        return parts

    def forget(self, parts: Mapping[str, Path]) -> None:
        """Take them no longer."""
        with self._lock:
            servers = [*self._servers.values()]
        for server in servers:
            server.forget(parts)

    def _files(self) -> dict[str, Path]:
        return {f"{group}/{path.name}": path for group, paths in files_of(self._plan).items() for path in paths}

    def _parts(self, task: Task) -> dict[str, Path]:
        parts: dict[str, Path] = {}
        for number, output in enumerate(self._plan.outputs):
            place, names = try_path(output.spec.path, task.number, task.attempt), [""]
            if output.encoding.container == "image2":
                number_of = numbering(self._plan.info, self._plan.cut)
                frames = self._timeline.frames[task.first : task.after]
                names = [output.spec.path.name % number_of(meta) for meta in frames]
            for name in names:
                parts[part_name(number, place, name)] = place / name if name else place
        return parts


def part_name(number: int, place: Path, name: str = "") -> str:
    """What a file of a part is called on its way.

    Args:
        number: of the output.
        place: of the part.
        name: of a picture in it.
    """
    return f"{number}/{place.name}{'/' if name else ''}{name}"


def _own_address(address: str) -> str:
    """The address of this machine that another one reaches it by.

    Raises:
        OSError: if no way leads there.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        # Nothing is sent.
        way.connect((address, _ANY_PORT))
        own: Any = way.getsockname()
        return str(own[0])


def _listed(groups: Sequence[str]) -> str:
    names = list(dict.fromkeys(group.partition("-")[0] for group in groups))
    return f"the {' and '.join(names)}"
