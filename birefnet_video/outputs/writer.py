"""One output file: written under a telling name beside its place, moved there only when complete."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import av
import av.container
import av.error

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.completion import complete
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.packets import PacketTimes, apart
from birefnet_video.outputs.scheduling import scheduling_kept
from birefnet_video.outputs.streams import (
    add_video,
    chapters_of,
    container_options,
    counts_timecode,
    has_timecodes,
    label,
)
from birefnet_video.outputs.unfinished import give_name, not_opened, refused, reserve_partial
from birefnet_video.outputs.verify import Promise, verify
from birefnet_video.sound.tracks import Sound
from birefnet_video.types import Cut, FrameMeta, MediaInfo, SoundLength


class Writer:
    """Encodes frames of one output and muxes the input's sound beside them. One thread."""

    def __init__(
        self,
        target: Path,
        encoding: Encoding,
        info: MediaInfo,
        *,
        pixel_format: str,
        size: tuple[int, int],
        with_sound: bool,
        notify: Callable[[str], None],
        cut: Cut | None = None,
    ) -> None:
        """Open the file and write its header, so that what a container refuses is known before any work.

        Args:
            target: final path; the file has :attr:`partial` as its name until :meth:`commit`.
            encoding: codec and container.
            info: of the input.
            pixel_format: of the frames that will come.
            size: width and height of the frames.
            with_sound: take the input's audio tracks along; subtitles come where the encoding holds sound.
            notify: called with one line for each thing that a user should know.
            cut: part of the sound to take; the frames come cut already.

        Raises:
            OutputRefused: if the file cannot be created or the container refuses what it should hold.
        """
        self.target = target
        place = target.resolve()
        self.partial = reserve_partial(target, place.stem, place.suffix, lambda path: path.open("xb").close())
        self.encoding = encoding
        self.frames = 0
        """Frames taken so far."""
        self.stored = 0
        """Frames that the encoder has given out again."""
        self.first_pts: int | None = None
        self._info, self._notify = info, notify
        self._sound: Sound | None = None
        self._closed = False
        self._container = self._create(with_sound=with_sound)
        self._times = PacketTimes(self._container.mux, is_mov=encoding.container in ("mov", "mp4"))
        try:
            self._stream = add_video(self._container, encoding, info, pixel_format, size)
            if info.timecode and has_timecodes(encoding) and not counts_timecode(info):
                notify(f"{target}: no timecode counts {float(info.frame_rate):g} frames a second")
            self._container.metadata.update(dict(info.tags))
            self._container.set_chapters(chapters_of(info))
            self._add_sound(cut, with_sound=with_sound)
            with scheduling_kept():
                self._container.start_encoding()
            self._refuse_unused_options()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self.discard()
            raise not_opened(target, encoding.codec, error) from None
        except BaseException:
            self.discard()
            raise

    def _create(self, *, with_sound: bool) -> av.container.OutputContainer:
        try:
            return av.open(
                f"file:{self.partial.resolve()}",
                "w",
                format=self.encoding.container,
                container_options=container_options(self.encoding, self._info, with_sound=with_sound),
            )
        except (OSError, av.error.FFmpegError) as error:
            self.partial.unlink(missing_ok=True)
            raise refused(self.target, error) from None

    def _add_sound(self, cut: Cut | None, *, with_sound: bool) -> None:
        info, encoding = self._info, self.encoding
        audio, subtitles = with_sound and info.audio_tracks, encoding.holds_sound and info.subtitle_tracks
        if audio or subtitles:
            self._sound = Sound(
                info,
                self._container,
                encoding.container,
                self._notify,
                cut,
                target=self.target,
                with_audio=with_sound,
            )

    @property
    def last_pts(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._times.last.pts if self._times.last is not None else None

    @property
    def last_duration(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._times.last.duration if self._times.last is not None else None

    @property
    def audio_tracks(self) -> int:
        """Audio tracks in the file."""
        return self._sound.tracks if self._sound is not None else 0

    @property
    def sound_damage(self) -> list[str]:
        """What of the sound could not be read, known when the file is finished."""
        return self._sound.damage if self._sound is not None else []

    @property
    def sound_lengths(self) -> tuple[SoundLength | None, ...]:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._sound.lengths if self._sound is not None else ()

    @property
    def _languages(self) -> dict[int, str]:
        return self._sound.languages if self._sound is not None else {}

    @property
    def size(self) -> int:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        try:
            return self.partial.stat().st_size
        except OSError:
            return self.target.stat().st_size if self.target.exists() else 0

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """Encode one frame with the time of its source.

        Raises:
            OutputRefused: if the disk is full or the file has become unwritable.
        """
        meta = apart(meta, self.last_pts, self.encoding.container)
        label(picture, meta, self._stream.codec_context)
        self._times.expect(meta)
        try:
            packets = self._stream.encode(picture)
            self._times.pass_on(packets)
            if self._sound is not None:
                self._sound.write_until(meta.time_s)
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self.target, error) from None
        self.stored += len(packets)
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts
        self.frames += 1

    def take(self, packets: Iterable[av.Packet], frames: Sequence[FrameMeta]) -> None:
        """Mux what another encoder of the same settings has made, in place of :meth:`write`.

        Args:
            packets: one a frame, in the order of decoding.
            frames: their times in the order of display, as :func:`birefnet_video.outputs.packets.apart` gives them.

        Raises:
            OutputRefused: as of :meth:`write`.
        """
        for meta in frames:
            self.expect(meta)
        for packet, meta in zip(packets, frames, strict=True):
            self.pass_on([packet], meta.time_s)

    def expect(self, meta: FrameMeta) -> None:
        """Another encoder gets a frame. Its packets come by :meth:`pass_on`, after those of the frame before."""
        self._times.expect(meta)
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts

    def pass_on(self, packets: Iterable[av.Packet], time_s: float) -> None:
        """Mux packets of another encoder, and sound up to a time on the input's clock.

        Raises:
            OutputRefused: as of :meth:`write`.
        """
        try:
            for packet in packets:
                packet.stream = self._stream
                self._times.pass_on([packet])
                self.frames += 1
                self.stored += 1
            if self._sound is not None:
                self._sound.write_until(time_s)
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self.target, error) from None

    @property
    def extradata(self) -> bytes:
        """What decoders need before the first packet."""
        return bytes(self._stream.codec_context.extradata or b"")

    def finish(self) -> None:
        """Write what encoders and sound still hold and close the file, still under its partial name.

        Raises:
            OutputRefused: if that fails.
        """
        self._close(with_rest_of_sound=True)

    def verify(self, promise: Promise) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        verify(self.partial, promise)

    def keep_partial(self) -> Path | None:
        """Close early and keep a playable file under the partial name.

        Returns:
            its path, or ``None`` if there was nothing worth keeping.

        Raises:
            OutputRefused: if the file cannot be closed properly; it is left as it is.
        """
        if not self._closed and self.frames:
            self._close(with_rest_of_sound=False)
        if not self.frames or not self.partial.exists() or not self.partial.stat().st_size:
            self.discard()
            return None
        return self.partial

    def commit(self, *, overwrite: bool) -> None:
        """Give the finished file its final name.

        Args:
            overwrite: replace a file of that name.

        Raises:
            OutputRefused: if that fails, or if a file of that name has appeared meanwhile.
        """
        give_name(self.partial, self.target, overwrite=overwrite)

    def discard(self) -> None:
        """Close and remove the file."""
        if not self._closed:
            self._closed = True
            if self._sound is not None:
                self._sound.close()
            # The file goes away in the next line.
            with suppress(OSError, av.error.FFmpegError, ValueError):
                self._container.close()
        self.partial.unlink(missing_ok=True)

    def _close(self, *, with_rest_of_sound: bool) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            packets = self._stream.encode(None)
            self._times.pass_on(packets)
            self.stored += len(packets)
            self._times.finish()
            if self._sound is not None and with_rest_of_sound:
                self._sound.finish()
            self._container.close()
            for note in complete(self.partial, self.encoding, self._info, self._times.shown_until, self._languages):
                self._notify(f"{self.target}: {note}")
        except (OSError, av.error.FFmpegError) as error:
            # Closing again frees the handle, and with it the space of a file that is removed.
            with suppress(OSError, av.error.FFmpegError, ValueError):
                self._container.close()
            raise refused(self.target, error) from None
        finally:
            if self._sound is not None:
                self._sound.close()

    def _refuse_unused_options(self) -> None:
        unused = [name for name in self._stream.codec_context.options if name in self.encoding.options]
        if unused:
            raise OutputRefused(f"{self.target}: {self.encoding.codec} does not know the options {', '.join(unused)}")
