"""Where a job's frames are composed, decided once the network's device is known."""

from dataclasses import replace

from birefnet_video.errors import BackendUnavailable
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.colour import Retoucher
from birefnet_video.media.reader import Notify
from birefnet_video.pipeline.compositor import Compositor, CpuCompositor, Task
from birefnet_video.pipeline.outputs import make_backdrop, make_composer
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.spec import ColourSpec, JobSpec
from birefnet_video.types import MediaInfo


class Composing:
    """What all compositors of a job need."""

    def __init__(self, spec: JobSpec, canvases: list[Canvas], info: MediaInfo, tap: PreviewTap, notify: Notify) -> None:
        """
        Args:
            spec: what is asked for.
            canvases: one an output.
            info: of the input.
            tap: is offered every frame.
            notify: takes what a user should know.

        Raises:
            InputMissing, NotAVideo: if a background is missing or no picture or video.
            BackendUnavailable: if colours need a library that is not installed.
        """
        self.with_own_alpha = info.has_alpha and spec.input_alpha == "multiply"
        self._spec, self._canvases, self._notify = spec, canvases, notify
        self._task = Task(info, spec.matte, tap, self.with_own_alpha)
        self._colour = _colours(spec, with_own_alpha=self.with_own_alpha)
        retoucher = Retoucher(self._colour)
        outputs = list(zip(spec.outputs, canvases, strict=True))
        self._backdrops = [make_backdrop(output, canvas, info) for output, canvas in outputs]
        self._composers = [
            make_composer(output, canvas, info, retoucher, backdrop)
            for (output, canvas), backdrop in zip(outputs, self._backdrops, strict=True)
        ]

    def on(self, device: str) -> Compositor:
        """The compositor for a network on ``device``.

        Raises:
            BackendUnavailable: if frames cannot be composed there although that was asked for.
        """
        spec = self._spec
        on_cpu = CpuCompositor(self._task, self._composers)
        if spec.compose_on == "cpu" or (spec.compose_on == "auto" and not device.startswith("cuda")):
            return on_cpu
        # Brings torch along, which nothing before the network needs.
        import torch

        from birefnet_video.matting.device.compose import make_composer as make_device_composer
        from birefnet_video.pipeline.device import DeviceCompositor

        made = [
            make_device_composer(output, canvas, self._task.info, self._colour, backdrop, torch.device(device))
            for output, canvas, backdrop in zip(spec.outputs, self._canvases, self._backdrops, strict=True)
        ]
        left = {each: None for each in made if isinstance(each, str)}
        if all(isinstance(each, str) for each in made):
            if spec.compose_on == "device":
                raise BackendUnavailable(
                    f"--compose-on device: {', '.join(left)} can be made on the CPU only", hint="use --compose-on auto"
                )
            return on_cpu
        if left:
            self._notify(f"composed on the CPU and not on {device}: {', '.join(left)}")
        composers = [own if isinstance(each, str) else each for each, own in zip(made, self._composers, strict=True)]
        return DeviceCompositor(self._task, composers, device, on_cpu, self._notify)


def _colours(spec: JobSpec, *, with_own_alpha: bool) -> ColourSpec:
    """What is left to do to colours: those of a cut-out are free from a background already, mattes have none."""
    needless = with_own_alpha or all(output.kind == "mask" for output in spec.outputs)
    return replace(spec.colour, method="off") if needless else spec.colour
