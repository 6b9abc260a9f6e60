"""Where live pictures go: a virtual camera, a stream, recordings, standard output."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from birefnet_video.matting.colour import Retoucher
from birefnet_video.matting.compose import Extent
from birefnet_video.media.convert import to_rgb
from birefnet_video.media.encodings import encoding_for, fit_codecs
from birefnet_video.media.light import is_hdr
from birefnet_video.media.sink import Sink
from birefnet_video.media.stream import StreamWriter
from birefnet_video.media.virtual_camera import VirtualCamera
from birefnet_video.options.backgrounds import Background
from birefnet_video.options.job import JobSpec
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.pipeline.compositor import Composer
from birefnet_video.pipeline.outputs import check_output, make_backdrop, make_canvas, make_composer, open_sink
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
        self._info = info
        self._retoucher = Retoucher(spec.colour)
        self._specs: list[OutputSpec] = []
        self._composers: list[Composer] = []
        self._sinks: list[Sink] = []
        self._gauge, self._shown = MatteGauge(), 0
        self._background = spec.shown.behind
        self._sent: av.VideoFrame | None = None
        self._camera: VirtualCamera | None = None
        self._stream: StreamWriter | None = None
        job = JobSpec(
            Path(info.path),
            spec.outputs or (_SHOWN,),
            writing=WritingSpec(overwrite=spec.writing.overwrite, no_audio=True),
        )
        try:
            for output in fit_codecs(spec.outputs):
                check_output(job, output)
                encoding = encoding_for(output, hdr=is_hdr(info.colour))
                canvas = make_canvas(encoding, info)
                self._composers.append(self._composer(output))
                self._sinks.append(open_sink(job, output, encoding, canvas, info, None, notify))
                self._specs.append(output)
            if spec.shown.virtual_camera is not None or spec.shown.stream is not None:
                output = evolve(_SHOWN, background=spec.shown.behind)
                self._composers.append(self._composer(output))
                self._specs.append(output)
            if spec.shown.virtual_camera is not None:
                name = None if spec.shown.virtual_camera == "auto" else spec.shown.virtual_camera
                self._camera = VirtualCamera(info, name)
                notify(f"virtual camera: {self._camera.name}")
            if spec.shown.stream is not None:
                self._stream = StreamWriter(spec.shown.stream, info, notify)
        except BaseException:
            self.discard()
            raise
        self._overwrite = spec.writing.overwrite

    @property
    def device(self) -> str | None:
        """Of the virtual camera."""
        return None if self._camera is None else self._camera.name

    def set_info(self, info: MediaInfo) -> None:
        """The camera's pictures are turned otherwise from now on."""
        self._info = info
        self._composers = [self._composer(output) for output in self._specs]

    def set_background(self, background: Background) -> None:
        """Change what lies behind the subject in all outputs that show something there.

        Raises:
            InputMissing, NotAVideo: if its file is missing or no picture or video; the old one stays.
        """
        self._composer(evolve(_SHOWN, background=background))
        self._background = background
        specs = [
            evolve(output, background=background) if output.kind == "composite" else output for output in self._specs
        ]
        self._composers, self._specs = [self._composer(output) for output in specs], specs

    def show(self, cutout: Cutout) -> None:
        """Give a picture to all outputs.

        Raises:
            OutputRefused: if one does not take it.
        """
        pictures = [composer(cutout) for composer in self._composers]
        shown = [picture for spec, picture in zip(self._specs, pictures, strict=True) if spec.kind == "composite"]
        self._sent = shown[-1] if shown else None
        self._gauge.measure(self._shown, Extent.of(cutout.alpha))
        self._shown += 1
        for sink, picture in zip(self._sinks, pictures, strict=False):
            sink.write(picture, cutout.frame.meta)
        if self._camera is not None:
            self._camera.show(pictures[-1])
        if self._stream is not None:
            self._stream.write(pictures[-1], cutout.frame.meta.pts * cutout.frame.meta.time_base)

    def sent(self, cutout: Cutout, size: tuple[int, int]) -> np.ndarray:
        """What the latest picture went out as, uint8 (height, width, 3); where nothing shows a background, the same.

        Args:
            cutout: the picture.
            size: height and width.
        """
        picture = self._sent
        if picture is None:
            composer = self._composer(evolve(_SHOWN, background=self._background))
            picture = composer(cutout)
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

    def _composer(self, output: OutputSpec) -> Composer:
        encoding = encoding_for(output, hdr=is_hdr(self._info.colour))
        canvas = make_canvas(encoding, self._info)
        backdrop = make_backdrop(output, canvas, self._info)
        return make_composer(output, canvas, self._info, self._retoucher, backdrop)
