"""Takes a camera's pictures, and has it only while it is there and somebody watches."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from birefnet_video.devices.camera import Camera, Taken
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, DamagedInput, InputMissing
from birefnet_video.events import LiveState
from birefnet_video.live.latest import LatestSlot

#: Seconds between attempts to open a camera that has gone, and between looks for whoever watches.
_RETRY_S, _LOOK_S = 1.0, 0.5
#: Seconds without anybody watching until the camera is released.
_UNWATCHED_S = 10.0
#: Seconds that a camera is given to be released.
_RELEASE_S = 5.0

OpenCamera = Callable[[], Camera]


@dataclass(frozen=True, slots=True)
class Caught:
    """A picture on its way to the session."""

    index: int
    """How many were taken before it."""
    camera: int
    """How often a camera had been opened again before it was taken."""
    taken: Taken


class CameraThread:
    """One thread, on which the camera is read and closed."""

    def __init__(
        self,
        open_camera: OpenCamera,
        slot: LatestSlot[Caught],
        stop: threading.Event,
        notify: Callable[[str], None],
        *,
        is_watched: Callable[[], bool] | None = None,
    ) -> None:
        """
        Args:
            open_camera: opens it again.
            slot: gets the pictures; closed at the end.
            stop: set when the session is to end.
            notify: takes what a user should know.
            is_watched: whether anybody looks at what comes out; ``None``: somebody always does.
        """
        self.taken = self.reconnects = 0
        self.absent: LiveState | None = None
        """Why the camera is not read at the moment: it was lost, or nobody watches."""
        self.error: BaseException | None = None
        """Why it ended, if not because of the end."""
        self._open_camera = open_camera
        self._slot = slot
        self._stop = stop
        self._notify = notify
        self._is_watched = is_watched
        self._watched_at = self._looked_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def start(self, camera: Camera) -> None:
        """Take its pictures, and close it in the end."""
        # Reading from a camera that says nothing cannot be ended from here.
        self._thread = threading.Thread(target=self._run, args=(camera,), name="birefnet-video camera", daemon=True)
        self._thread.start()

    def finish(self, camera: Camera) -> None:
        """Wait for the end, which ``stop`` brings; a camera that was never started is closed."""
        if self._thread is None:
            camera.close()
        else:
            self._thread.join(_RELEASE_S)

    def _run(self, camera: Camera) -> None:
        try:
            current: Camera | None = camera
            while current is not None:
                current = self._next(current, self._take(current))
        except BaseException as error:  # noqa: BLE001 - the thread border: the session fails with it
            self.error = error
        finally:
            self._slot.close()

    def _take(self, camera: Camera) -> LiveState | None:
        """Take pictures until there are no more; why the camera is to be opened again, if it is."""
        self._watched_at = time.monotonic()
        try:
            for taken in camera.pictures(self._stop):
                if self._stop.is_set():
                    return None
                self._slot.put(Caught(self.taken, self.reconnects, taken))
                self.taken += 1
                if camera.is_device and self._is_forsaken():
                    return LiveState.UNWATCHED
            return None
        except OSError as error:
            if not camera.is_device:
                raise DamagedInput(f"{camera.info.path}: cannot be read any further: {error}") from None
            self._notify(f"the camera has gone ({error}); waiting for it")
            return LiveState.LOST
        finally:
            camera.close()

    def _next(self, camera: Camera, absent: LiveState | None) -> Camera | None:
        self.absent = absent
        if absent is None:
            return None
        if absent is LiveState.UNWATCHED:
            self._notify("nobody watches: the camera is released until somebody does")
            while not (self._is_watched is None or self._is_watched()):
                if self._stop.wait(_LOOK_S):
                    return None
        found = self._wait_for_camera(at_once=absent is LiveState.UNWATCHED)
        self.absent = None
        return found

    def _is_forsaken(self) -> bool:
        """Whether nobody has watched for some time."""
        now = time.monotonic()
        if self._is_watched is None or now - self._looked_at < _LOOK_S:
            return False
        self._looked_at = now
        if self._is_watched():
            self._watched_at = now
        return now - self._watched_at > _UNWATCHED_S

    def _wait_for_camera(self, *, at_once: bool) -> Camera | None:
        while not self._stop.wait(0.0 if at_once else _RETRY_S):
            at_once = False
            try:
                camera = self._open_camera()
            except (InputMissing, BackendUnavailable):
                continue
            except BirefnetVideoError as error:
                self.error = error
                return None
            self.reconnects += 1
            self._notify("the camera is back")
            return camera
        return None
