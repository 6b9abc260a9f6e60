"""Where a job's frames are composed, decided once the network's device is known."""

from attrs import evolve

from birefnet_video.backends.progress import building
from birefnet_video.errors import BackendUnavailable
from birefnet_video.matting.backdrop import Canvas, note_of
from birefnet_video.matting.colour import Retoucher
from birefnet_video.media.reader import Notify
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec
from birefnet_video.pipeline.compositor import Composer, Compositor, CpuCompositor, Task
from birefnet_video.pipeline.outputs import make_backdrop, make_composer
from birefnet_video.pipeline.preview import PreviewTap
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
        self._spec, self._canvases, self._notify = spec, canvases, notify
        self._told_of_alpha = False
        self._task = Task(info, spec.matte, tap, self._tell_of_alpha if spec.input.input_alpha == "multiply" else None)
        self._colour = _colours(spec)
        outputs = list(zip(spec.outputs, canvases, strict=True))
        self._backdrops = [make_backdrop(output, canvas, info) for output, canvas in outputs]
        for behind in {output.background for output in spec.outputs if output.kind == "composite"}:
            if (note := note_of(behind)) is not None:
                notify(note)
        self._composers = self._on_cpu(self._colour)
        of_cutouts = _of_cutouts(self._colour)
        self._of_cutouts = self._composers if of_cutouts == self._colour else self._on_cpu(of_cutouts)

    def _on_cpu(self, colour: ColourSpec) -> list[Composer]:
        retoucher = Retoucher(colour)
        if retoucher.must_compile:
            with building("PyMatting compiles itself", self._notify):
                retoucher.warm_up()
        return [
            make_composer(output, canvas, self._task.info, retoucher, backdrop)
            for output, canvas, backdrop in zip(self._spec.outputs, self._canvases, self._backdrops, strict=True)
        ]

    def _tell_of_alpha(self) -> None:
        if not self._told_of_alpha:
            self._told_of_alpha = True
            what = "mattes are multiplied by it and colours stay"
            self._notify(f"the input has alpha of its own: {what} (--input-alpha ignore leaves it out)")

    def on(self, device: str) -> Compositor:
        """The compositor for a network on ``device``.

        Raises:
            BackendUnavailable: if frames cannot be composed there although that was asked for.
        """
        spec = self._spec
        on_cpu = CpuCompositor(self._task, self._composers, self._of_cutouts)
        if spec.backend.compose_on == "cpu" or (spec.backend.compose_on == "auto" and not device.startswith("cuda")):
            return on_cpu
        # Brings torch along, which nothing before the network needs.
        import torch

        from birefnet_video.matting.device.compose import DeviceComposer
        from birefnet_video.matting.device.compose import make_composer as make_device_composer
        from birefnet_video.pipeline.device import DeviceCompositor

        def make(colour: ColourSpec) -> list[DeviceComposer | str]:
            return [
                make_device_composer(output, canvas, self._task.info, colour, backdrop, torch.device(device))
                for output, canvas, backdrop in zip(spec.outputs, self._canvases, self._backdrops, strict=True)
            ]

        made, of_cutouts = make(self._colour), make(_of_cutouts(self._colour))
        left = {each: None for each in made if isinstance(each, str)}
        if all(isinstance(each, str) for each in made):
            if spec.backend.compose_on == "device":
                raise BackendUnavailable(
                    f"--compose-on device: {', '.join(left)} can be made on the CPU only", hint="use --compose-on auto"
                )
            return on_cpu
        if left:
            self._notify(f"composed on the CPU and not on {device}: {', '.join(left)}")

        def filled(there: list[DeviceComposer | str], here: list[Composer]) -> list[DeviceComposer | Composer]:
            return [own if isinstance(each, str) else each for each, own in zip(there, here, strict=True)]

        composers = filled(made, self._composers), filled(of_cutouts, self._of_cutouts)
        return DeviceCompositor(self._task, *composers, device, on_cpu, self._notify)


def _colours(spec: JobSpec) -> ColourSpec:
    """What is left to do to colours: mattes have none."""
    needless = all(output.kind == "mask" for output in spec.outputs)
    return evolve(spec.colour, decontaminate="off") if needless else spec.colour


def _of_cutouts(colour: ColourSpec) -> ColourSpec:
    """The same for what is cut out already: its edges are free from a background."""
    return evolve(colour, decontaminate="off")
