"""Pictures sent over a network while they are made: H.264 to a server of streams or another program."""

import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction

import av
import av.container
import av.error

from birefnet_video.errors import BackendUnavailable, UsageError, first_line
from birefnet_video.lasting import LastingThread
from birefnet_video.types import MediaInfo

#: Containers by scheme.
_FORMATS = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts"}
#: Frames that wait for the network; older ones are dropped then.
_WAITING = 8
#: Seconds between two attempts to connect, and until one has failed.
_RETRY_S, _PATIENCE_S = 2.0, 5.0
#: Seconds between keyframes: what a viewer who joins waits for.
_KEYFRAME_S = 2
_TICK = Fraction(1, 90_000)


class StreamWriter:
    """Sends on a thread of its own, so that a slow network delays nothing else; connects again when it is cut off."""

    def __init__(self, address: str, info: MediaInfo, notify: Callable[[str], None]) -> None:
        """Connect.

        Args:
            address: with its scheme.
            info: of the pictures: their size and rate.
            notify: takes what a user should know; called on the writer's thread.

        Raises:
            UsageError: if the scheme is not known.
            BackendUnavailable: if nobody answers.
        """
        scheme = address.partition("://")[0].lower()
        if scheme not in _FORMATS or "://" not in address:
            raise UsageError(
                f"--stream: {address!r} begins with none of {', '.join(f'{each}://' for each in _FORMATS)}"
            )
        self.dropped = 0
        """Frames for which the network was too slow, or away."""
        self._address, self._format, self._info, self._notify = address, _FORMATS[scheme], info, notify
        self._waiting: deque[av.VideoFrame] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._retry_at = 0.0
        try:
            self._connection: _Connection | None = _Connection(address, self._format, info)
        except (OSError, av.error.FFmpegError, ValueError) as error:
            raise BackendUnavailable(f"--stream: {address}: cannot be reached: {first_line(error)}") from None
        self._thread = LastingThread("birefnet-video stream", self._run, notify, daemon=False)
        self._thread.start()

    def write(self, picture: av.VideoFrame, seconds: Fraction) -> None:
        """Send a picture, which was taken ``seconds`` after the first one. Never waits."""
        copy = picture.reformat(format="yuv420p")
        if copy is picture:
            # Others go on with that one.
            copy = av.VideoFrame.from_ndarray(picture.to_ndarray(), picture.format.name)
        copy.time_base, copy.pts = _TICK, round(seconds / _TICK)
        with self._changed:
            if len(self._waiting) >= _WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(copy)
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, and end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.close()
        self._thread.join()

    def _run(self) -> None:
        while (picture := self._next()) is not None:
            if self._connection is None and not self._connect():
                self.dropped += 1
                continue
            assert self._connection is not None
            try:
                self._connection.send(picture)
            except (OSError, av.error.FFmpegError) as error:
                self._notify(f"the stream was cut off ({first_line(error)}); trying to connect again")
                self._leave()
                self._retry_at = time.monotonic() + _RETRY_S
        self._leave()

    def _next(self) -> av.VideoFrame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return self._waiting.popleft() if self._waiting else None

    def _connect(self) -> bool:
        if time.monotonic() < self._retry_at or self._is_closed:
            return False
        try:
            self._connection = _Connection(self._address, self._format, self._info)
        except (OSError, av.error.FFmpegError):
            self._retry_at = time.monotonic() + _RETRY_S
            return False
        self._notify("the stream is connected again")
        return True

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Connection:
    def __init__(self, address: str, form: str, info: MediaInfo) -> None:
        # Its length is not known at the end either, and a stream cannot be gone back in.
        options = {"flvflags": "no_duration_filesize"} if form == "flv" else {}
        self._container = av.open(address, "w", format=form, timeout=_PATIENCE_S, options=options)
        stream = self._stream = self._container.add_stream("libx264", rate=info.frame_rate)
        assert isinstance(stream, av.VideoStream)
        # 4:2:0 has no odd sides.
        stream.width, stream.height, stream.pix_fmt = info.width & ~1, info.height & ~1, "yuv420p"
        stream.codec_context.time_base = _TICK
        keyframes = round(_KEYFRAME_S * info.frame_rate)
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "21", "g": str(keyframes)}
        try:
            self._container.start_encoding()
        except BaseException:
            self._container.close()
            raise

    def send(self, picture: av.VideoFrame) -> None:
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (OSError, av.error.FFmpegError):
            # It has been cut off: nobody gets what was left.
            return
