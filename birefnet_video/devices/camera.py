"""Cameras, and files that stand in for one: pictures with the moment at which they were taken."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.container
import av.error

from birefnet_video.errors import BackendUnavailable, InputMissing, NotAVideo, first_line
from birefnet_video.inputs.describe import describe
from birefnet_video.options.live import CameraSpec
from birefnet_video.types import MediaInfo

#: How FFmpeg calls the cameras of a system.
_SYSTEMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
#: Begins a source that FFmpeg generates.
_GENERATED = "lavfi:"
#: Schemes of streams over a network; nothing is fetched unless one is named.
_STREAMS = ("rtsp://", "rtmp://", "srt://", "udp://", "http://", "https://")
#: Seconds after which a stream or device that is silent counts as gone.
_SILENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture and when it was taken."""

    picture: av.VideoFrame
    at: float
    """Seconds on the monotonic clock."""


class Camera(Protocol):
    """An open camera. One thread; closed by whoever opened it."""

    info: MediaInfo
    is_device: bool
    """It can come back after it has gone; what has an end cannot."""

    def pictures(self, stop: threading.Event) -> Iterator[Taken]:
        """Pictures as they are taken, until the end of a file or until ``stop`` is set.

        Raises:
            OSError: if the device has gone.
        """
        ...

    def close(self) -> None:
        """Release it."""
        ...


def list_cameras() -> list[tuple[str, str]]:
    """Cameras of this machine: what to name, and what it calls itself.

    Raises:
        BackendUnavailable: if the system does not tell.
    """
    system = _SYSTEMS.get(sys.platform)
    if system is None:
        raise BackendUnavailable(f"cameras of {sys.platform} are not known here")
    try:
        found = [(device.name, device.description) for device in av.enumerate_input_devices(system)]
    except (av.error.FFmpegError, ValueError, OSError):
        found = []
    if not found and sys.platform == "linux":
        found = [(str(path), path.name) for path in sorted(Path("/dev").glob("video*"))]
    return found


def first_camera() -> str:
    """The name of the first camera.

    Raises:
        InputMissing: if there is none.
    """
    cameras = list_cameras()
    if not cameras:
        raise InputMissing("no camera found", hint="name one, or a file: birefnet-video webcam clip.mp4")
    return cameras[0][0]


def is_camera(source: str | None) -> bool:
    """Whether a source is a device that films, and no file, stream or generated picture."""
    return source is None or not (source.startswith((_GENERATED, *_STREAMS)) or Path(source).is_file())


def look_for_camera(source: str | None) -> None:
    """See whether a camera is there without switching it on.

    Raises:
        InputMissing: if it is known not to be.
    """
    source = source or first_camera()
    if sys.platform == "linux" and is_camera(source) and not Path(source).exists():
        raise InputMissing(f"{source}: no such camera or file", hint="birefnet-video webcam --list")


def open_camera(source: str | None, wanted: CameraSpec) -> Camera:
    """Open a camera, or what stands in for one.

    Args:
        source: name of a device, path of a file, ``lavfi:`` and a filter, or the address of a stream; ``None``: the
            first camera.
        wanted: of a device.

    Raises:
        InputMissing: if there is no such camera or file.
        BackendUnavailable: if it is busy, may not be used, or refuses what is wanted.
        NotAVideo: if it gives no pictures.
    """
    source = source or first_camera()
    if source.startswith(_GENERATED):
        return _Opened(source, _open(source, source.removeprefix(_GENERATED), "lavfi", {}), is_paced=True)
    if source.startswith(_STREAMS):
        stream = _open(source, source, None, {})
        # What has a length is a file, wherever it lies.
        is_live = not stream.duration or stream.duration < 0
        return _Opened(source, stream, is_device=is_live, is_paced=not is_live)
    if Path(source).is_file():
        return _Opened(source, _open(source, f"file:{Path(source).resolve()}", None, {}), is_paced=True)
    system = _SYSTEMS.get(sys.platform)
    options = {
        "video_size": f"{wanted.camera_size[1]}x{wanted.camera_size[0]}" if wanted.camera_size else None,
        "framerate": f"{float(wanted.rate):g}" if wanted.rate else None,
        "input_format" if system == "v4l2" else "pixel_format": wanted.camera_format,
    }
    if system == "dshow" and not source.startswith("video="):
        source = f"video={source}"
    chosen = {name: value for name, value in options.items() if value is not None}
    return _Opened(source, _open(source, source, system, chosen), is_device=True)


def _open(source: str, address: str, form: str | None, options: dict[str, str]) -> av.container.InputContainer:
    try:
        opened = av.open(address, format=form, options=options, timeout=_SILENCE_S if form != "lavfi" else None)
    except FileNotFoundError:
        raise InputMissing(f"{source}: no such camera or file", hint="birefnet-video webcam --list") from None
    except (PermissionError, av.error.FFmpegError, OSError, ValueError) as error:
        asked = f" with {', '.join(f'{name} {value}' for name, value in options.items())}" if options else ""
        raise BackendUnavailable(
            f"{source}: cannot be opened{asked}: {first_line(error)}",
            hint="another program may have it, or it may not know that size, rate or format",
        ) from None
    assert isinstance(opened, av.container.InputContainer)
    return opened


class _Opened:
    """See :class:`Camera`."""

    def __init__(
        self, source: str, container: av.container.InputContainer, *, is_device: bool = False, is_paced: bool = False
    ) -> None:
        self._container = container
        self._is_paced = is_paced
        self.is_device = is_device
        try:
            if not container.streams.video:
                raise NotAVideo(f"{source}: gives no pictures")
            self._stream = container.streams.video[0]
            # Frames that are decoded side by side come late.
            self._stream.thread_type = "SLICE"
            self._decoded = container.decode(self._stream)
            try:
                self._first = next(self._decoded)
            except (StopIteration, av.error.FFmpegError) as error:
                raise NotAVideo(f"{source}: gives no pictures: {first_line(error)}") from None
            self.info = describe(Path(source), container, self._stream, self._first)
        except BaseException:
            container.close()
            raise

    def pictures(self, stop: threading.Event) -> Iterator[Taken]:
        """See :class:`Camera`."""
        started = time.monotonic()
        base = self._stream.time_base or Fraction(1, 25)
        origin = self._first.pts or 0
        with closing(self._decoded):  # type: ignore[type-var]
            picture: av.VideoFrame | None = self._first
            while picture is not None:
                at = time.monotonic()
                if self._is_paced and picture.pts is not None:
                    due = started + float((picture.pts - origin) * base)
                    if stop.wait(max(0.0, due - at)):
                        return
                    # Who cannot keep up with the clock takes pictures when it can.
                    at = max(due, at) if due > at - 1 else at
                yield Taken(picture, at)
                try:
                    picture = next(self._decoded, None)
                except av.error.FFmpegError as error:
                    raise OSError(first_line(error)) from None
        if self.is_device:
            raise OSError("it gives no more pictures")

    def close(self) -> None:
        """See :class:`Camera`."""
        self._container.close()
