"""An engine that another process builds while this one renders; see :class:`Better`."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.cache import EngineCache
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, first_line
from birefnet_video.types import Step

#: What builds: a process, because it can be ended at any moment and takes no time of this interpreter.
_BUILDER = "birefnet_video.backends.build_apart"


class BuildBeside:
    """Lets a process build an engine into the cache, and opens it here.

    See :class:`birefnet_video.backends.replacing.Better`.
    """

    def __init__(
        self,
        name: str,
        order: Mapping[str, Any],
        cache: EngineCache,
        tell: Callable[[str], None],
        *,
        open_built: Callable[[], MattingBackend],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """
        Args:
            name: of the engine.
            order: what to build, for :mod:`birefnet_video.backends.build_apart`.
            cache: where it builds.
            tell: takes what a user should know.
            open_built: opens what lies in the cache then; called on a thread of its own.
            has_room: whether the device's memory has room for one more network.
        """
        self.name = name
        self._order, self._cache, self._tell = order, cache, tell
        self._open_built, self._has_room = open_built, has_room
        self._thread = threading.Thread(target=self._work, name="birefnet-video building")
        self._process: subprocess.Popen[str] | None = None
        self._made: MattingBackend | BirefnetVideoError | None = None
        self._is_stopped = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """See :class:`birefnet_video.backends.replacing.Better`."""
        self._tell(Step(f"{self.name}: building the engine beside the render, which takes minutes"))
        self._thread.start()

    def take(self) -> MattingBackend | None:
        """See :class:`birefnet_video.backends.replacing.Better`."""
        with self._lock:
            made, self._made = self._made, None
        if isinstance(made, BirefnetVideoError):
            raise made
        return made

    def close(self) -> None:
        """See :class:`birefnet_video.backends.replacing.Better`."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()
        if self._thread.ident is not None:
            self._thread.join()
        made, self._made = self._made, None
        if made is not None and not isinstance(made, BirefnetVideoError):
            made.close()

    def _work(self) -> None:
        made: MattingBackend | BirefnetVideoError | None
        try:
            made = self._build()
        except BirefnetVideoError as error:
            made = error
        except Exception as error:  # noqa: BLE001 - the thread border: take() raises it in the caller
            made = BackendUnavailable(f"{self.name}: does not start: {first_line(error)}")
        with self._lock:
            self._made = made

    def _build(self) -> MattingBackend | None:
        """What was built, opened; ``None`` if it is not wanted any more.

        Raises:
            BackendUnavailable: if there is no room for it, or it cannot be built.
        """
        if not self._has_room():
            raise BackendUnavailable(f"{self.name}: memory has no room to build it beside the render")
        order = {**self._order, "parent": os.getpid()}
        with self._lock:
            if self._is_stopped:
                return None
            # In a session of its own: an interrupt from the terminal is for this process, which ends that one.
            self._process = subprocess.Popen(
                [sys.executable, "-m", _BUILDER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        _, said = self._process.communicate(json.dumps(order))
        if self._process.returncode:
            self._cache.forget_unfinished(self._process.pid)
            if self._is_stopped:
                return None
            words = (said.strip().splitlines() or [f"exit status {self._process.returncode}"])[-1]
            raise BackendUnavailable(f"{self.name}: cannot be built beside the render: {words}")
        return None if self._is_stopped else self._open_built()
