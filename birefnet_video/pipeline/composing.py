"""Where a job's frames are composed, decided once the network's device is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from attrs import evolve

from birefnet_video.backends.progress import building
from birefnet_video.errors import BackendUnavailable
from birefnet_video.inputs.reader import Notify
from birefnet_video.matting.backdrop import Backdrop, Canvas, note_of, open_backdrop
from birefnet_video.matting.colours.opencv import Retoucher
from birefnet_video.matting.composite.id_mask import coloured, layered
from birefnet_video.matting.composite.opencv import WITH_ALPHA, foreground, grey_matte, over, straight_alpha
from birefnet_video.options.input import InputAlpha
from birefnet_video.options.matte import ColourSpec
from birefnet_video.options.network import ComposeOn
from birefnet_video.options.outputs import OutputSpec, lanes_of
from birefnet_video.pipeline.compositor import Composer, Compositor, CpuCompositor, Task
from birefnet_video.types import MediaInfo

#: An output and the size and format of its frames.
Shown = tuple[OutputSpec, Canvas]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is done to colours, and where."""

    colour: ColourSpec
    input_alpha: InputAlpha = "ignore"
    compose_on: ComposeOn = "auto"


class Composing:
    """What all compositors of a job need."""

    def __init__(
        self,
        look: Look,
        outputs: Sequence[Shown],
        info: MediaInfo,
        notify: Notify,
        *,
        began_s: float | None = None,
    ) -> None:
        """
        Args:
            look: what is done to colours, and where.
            outputs: what is shown, and on what.
            info: of the input.
            notify: takes what a user should know.
            began_s: time of the first frame of all, if it has been composed already.

        Raises:
            InputMissing, NotAVideo: if a background is missing or no picture or video.
            BackendUnavailable: if colours need a library that is not installed.
        """
        self._look, self._outputs, self._notify = look, outputs, notify
        self._told_of_alpha = False
        lanes = lanes_of(output for output, _ in outputs)
        of_each = tuple(tuple(lanes.index(lane) for lane in output.lanes) for output, _ in outputs)
        self._task = Task(info, self._tell_of_alpha if look.input_alpha == "multiply" else None, of_each)
        needless = all(output.kind in ("mask", "id-mask") for output, _ in outputs)
        # Mattes have no colours.
        self._colour = evolve(look.colour, decontaminate="off") if needless else look.colour
        self._backdrops = [make_backdrop(output, canvas, info, began_s) for output, canvas in outputs]
        for behind in {output.background for output, _ in outputs if output.kind == "composite"}:
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
            for (output, canvas), backdrop in zip(self._outputs, self._backdrops, strict=True)
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
        wanted = self._look.compose_on
        on_cpu = CpuCompositor(self._task, self._composers, self._of_cutouts)
        if wanted == "cpu" or (wanted == "auto" and not device.startswith("cuda")):
            return on_cpu
        # Brings torch along, which nothing before the network needs.
        import torch

        from birefnet_video.matting.composite.torch import DeviceComposer
        from birefnet_video.matting.composite.torch import make_composer as make_device_composer
        from birefnet_video.pipeline.compositor_torch import DeviceCompositor

        def make(colour: ColourSpec) -> list[DeviceComposer | str]:
            return [
                make_device_composer(output, canvas, self._task.info, colour, backdrop, torch.device(device))
                for (output, canvas), backdrop in zip(self._outputs, self._backdrops, strict=True)
            ]

        made, of_cutouts = make(self._colour), make(_of_cutouts(self._colour))
        left = {each: None for each in made if isinstance(each, str)}
        if all(isinstance(each, str) for each in made):
            if wanted == "device":
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


def make_backdrop(output: OutputSpec, canvas: Canvas, info: MediaInfo, began_s: float | None = None) -> Backdrop | None:
    """What lies behind the subject in an output, if it shows that; see :func:`open_backdrop`.

    Raises:
        InputMissing, NotAVideo: if its background is missing or no picture or video.
    """
    return open_backdrop(output.background, info, canvas, began_s) if output.kind == "composite" else None


def make_composer(
    output: OutputSpec, canvas: Canvas, info: MediaInfo, retoucher: Retoucher, backdrop: Backdrop | None
) -> Composer:
    """What makes the frames of an output on the CPU.

    Args:
        output: its kind counts.
        canvas: of its frames.
        info: of the input.
        retoucher: treats colours.
        backdrop: what :func:`make_backdrop` gives.
    """
    if output.kind == "mask":
        return lambda cutout: grey_matte(cutout.alpha, canvas.pixel_format)
    if output.kind == "id-mask":
        is_layered = canvas.pixel_format == "grayf32le"
        return layered if is_layered else lambda cutout: coloured(cutout, canvas.pixel_format)
    if output.kind == "alpha":
        with_alpha = WITH_ALPHA.get(canvas.pixel_format, straight_alpha)
        return lambda cutout: with_alpha(cutout.frame.picture, cutout.alpha, info, canvas.pixel_format, retoucher)
    if output.kind == "foreground":
        return lambda cutout: foreground(cutout.frame.picture, cutout.alpha, info, canvas, retoucher)
    assert backdrop is not None  # this output shows one
    return partial(over, info=info, canvas=canvas, backdrop=backdrop, retoucher=retoucher)


def _of_cutouts(colour: ColourSpec) -> ColourSpec:
    """The same for what is cut out already: its edges are free from a background."""
    return evolve(colour, decontaminate="off")
