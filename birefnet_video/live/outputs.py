"""Where live pictures go: a virtual camera, a stream, recordings, standard output."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from birefnet_video.colour.convert import to_rgb
from birefnet_video.colour.transfer import is_hdr
from birefnet_video.devices.stream import StreamWriter
from birefnet_video.devices.virtual_camera import VirtualCamera
from birefnet_video.matting.colours.opencv import Retoucher
from birefnet_video.options.backgrounds import Background
from birefnet_video.options.job import JobSpec
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.outputs.encodings import encoding_for, fit_codecs
from birefnet_video.outputs.sink import Sink
from birefnet_video.pipeline.checks import make_canvas
from birefnet_video.pipeline.composing import Composing, Look, Shown, make_backdrop, make_composer
from birefnet_video.pipeline.compositor import Compositor, Made
from birefnet_video.pipeline.plan import plan_output
from birefnet_video.pipeline.sinks import open_sink
from birefnet_video.pipeline.stages import MatteGauge
from birefnet_video.types import Cutout, MediaInfo, Turn

if TYPE_CHECKING:
    import av

#: What a virtual camera, a stream and a preview are made of: any encoding that frames of eight bits go into.
_SHOWN = OutputSpec("composite", Path("virtual.mp4"))


class LiveOutputs:
    """All outputs of a session. One thread."""

    def __init__(self, spec: LiveSpec, info: MediaInfo, notify: Callable[[str], None]) -> None:
        """Open them.

        Args:
            spec: that names them.
            info: of the camera.
            notify: takes what a user should know.

        Raises:
            BirefnetVideoError: if one cannot be opened; nothing is left behind.
        """
        self._info, self._notify = info, notify
        self._look = Look(colour=spec.colour, compose_on=spec.backend.compose_on)
        self._composed: list[Shown] = []
        self._told: set[str] = set()
        self._sinks: list[Sink] = []
        self._gauge, self._shown = MatteGauge(), 0
        self._background = spec.shown.behind
        self._sent: av.VideoFrame | None = None
        self._camera: VirtualCamera | None = None
        self._stream: StreamWriter | None = None
        self._overwrite = spec.writing.overwrite
        try:
            self._open(spec)
            # A background that cannot be opened is said before the camera is on.
            self._composing = self._compose(self._composed)
        except BaseException:
            self.discard()
            raise

    def _open(self, spec: LiveSpec) -> None:
        info, notify, shown = self._info, self._notify, spec.shown
        writing = WritingSpec(overwrite=spec.writing.overwrite, no_audio=True)
        job = JobSpec(Path(info.path), spec.outputs or (_SHOWN,), writing=writing)
        for output in fit_codecs(spec.outputs):
            planned = plan_output(job, output, info)
            self._sinks.append(open_sink(planned, info, None, notify))
            self._composed.append((output, planned.canvas))
        if shown.is_somewhere:
            self._composed.append(self._shown_over(shown.behind))
        if shown.virtual_camera is not None:
            self._camera = VirtualCamera(info, None if shown.virtual_camera == "auto" else shown.virtual_camera)
            notify(f"virtual camera: {self._camera.name}")
        if shown.stream is not None:
            self._stream = StreamWriter(shown.stream, info, notify)

    @property
    def device(self) -> str | None:
        """Of the virtual camera."""
        return None if self._camera is None else self._camera.name

    def compositor(self, device: str) -> Compositor:
        """What makes the pictures of all outputs, for a network on ``device``; to be asked for again after a change.

        Raises:
            BackendUnavailable: if they cannot be made there although that was asked for.
        """
        return self._composing.on(device)

    def _compose(self, composed: list[Shown]) -> Composing:
        return Composing(self._look, composed, self._info, self._tell_once)

    def _tell_once(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            self._notify(note)

    def set_info(self, info: MediaInfo) -> None:
        """The camera's pictures are turned otherwise from now on."""
        self._info = info
        self._composing = self._compose(self._composed)

    def set_background(self, background: Background) -> None:
        """Change what lies behind the subject in all outputs that show something there.

        Raises:
            InputMissing, NotAVideo: if its file is missing or no picture or video; the old one stays.
        """
        composed = [
            (evolve(output, background=background) if output.kind == "composite" else output, canvas)
            for output, canvas in self._composed
        ]
        if all(output.kind != "composite" for output, _ in composed):
            # Only previews show it.
            make_backdrop(*self._shown_over(background), self._info)
        self._composing = self._compose(composed)
        self._background, self._composed = background, composed

    def show(self, made: Made) -> None:
        """Give a picture to all outputs.

        Raises:
            OutputRefused: if one does not take it.
        """
        pictures, meta = made.pictures, made.meta
        kinds = [output.kind for output, _ in self._composed]
        shown = [picture for kind, picture in zip(kinds, pictures, strict=True) if kind == "composite"]
        self._sent = shown[-1] if shown else None
        self._gauge.measure(self._shown, made.extent)
        self._shown += 1
        for sink, picture in zip(self._sinks, pictures, strict=False):
            sink.write(picture, meta)
        if self._camera is not None:
            self._camera.show(pictures[-1])
        if self._stream is not None:
            self._stream.write(pictures[-1], meta.pts * meta.time_base)

    def sent(self, cutout: Cutout, size: tuple[int, int]) -> np.ndarray:
        """What the latest picture went out as, uint8 (height, width, 3); where nothing shows a background, the same.

        Args:
            cutout: the picture.
            size: height and width.
        """
        picture = self._sent
        if picture is None:
            output, canvas = self._shown_over(self._background)
            backdrop = make_backdrop(output, canvas, self._info)
            picture = make_composer(output, canvas, self._info, Retoucher(self._look.colour), backdrop)(cutout)
        upright = replace(self._info, turn=Turn(), is_rgb=False)
        return to_rgb(picture, upright, size)

    def finish(self) -> None:
        """Close all; recordings are looked at again and get their names.

        Raises:
            OutputRefused, VerificationFailed: if that fails; what was recorded is kept under another name then.
        """
        errors: list[Exception] = []
        for sink in self._sinks:
            try:
                if not sink.frames:
                    sink.discard()
                    continue
                sink.finish()
                sink.verify(self._gauge.promise(sink, self._info.time_base))
                sink.commit(overwrite=self._overwrite)
            except Exception as error:  # noqa: BLE001 - the others must be finished too
                errors.append(error)
        self._close_shown()
        if errors:
            raise errors[0]

    def discard(self) -> None:
        """Close all and remove recordings."""
        for sink in self._sinks:
            sink.discard()
        self._close_shown()

    def _close_shown(self) -> None:
        for shown in (self._camera, self._stream):
            if shown is not None:
                shown.close()

    def _shown_over(self, background: Background) -> Shown:
        output = evolve(_SHOWN, background=background)
        return output, make_canvas(encoding_for(output, hdr=is_hdr(self._info.colour)), self._info)
