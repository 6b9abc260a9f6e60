"""Which network runs where."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from attrs import Attribute, asdict, converters, field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.group import INTERNAL, WRITTEN, OptionGroup, Suggested, option_group
from birefnet_video.options.values import choice_error, parse_count, parse_detail, parse_size

#: What runs the network; ``auto``: the fastest that is there.
EngineName = Literal["auto", "eager", "cudagraph", "compile", "tensorrt", "onnx", "openvino"]
#: How weights pack patches of the picture; ``auto``: as is known of them, or as they show themselves.
PatchOrderName = Literal["auto", "current", "legacy"]
#: ``auto``: half where it is fast and does no harm; ``int8`` is less exact and only taken by name.
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
#: Where frames are composed: ``device`` is the network's; ``auto``: that, if it is a CUDA GPU.
ComposeOn = Literal["auto", "cpu", "device"]
#: Sides of a network's input are multiples of this.
_STRIDE = 32
_LARGEST_SIDE = 4096


def are_several(device: str) -> bool:
    """Whether it names more than one."""
    return device.endswith(":all") or "," in device


@option_group
@frozen(kw_only=True, slots=False)
class WeightsSpec(OptionGroup):
    """A network, and the size of the pictures that it sees."""

    model: Annotated[str, Parameter(name=["--model", "-m"]), Suggested("models", or_file=True)] = field(
        default="tiny", converter=str
    )
    """Name (tiny, lite-matting, ...: birefnet-video models lists all) or path of a .safetensors or .pth file."""
    size: Annotated[tuple[int, int] | None, WRITTEN] = field(default=None, converter=converters.optional(parse_size))
    """Size of the network's input: N, or WIDTHxHEIGHT; multiples of 32. Default: the model's own."""

    @size.validator
    def _check_size(self, option: "Attribute[Any]", value: tuple[int, int] | None) -> None:
        for side in value or ():
            if side % _STRIDE or not _STRIDE <= side <= _LARGEST_SIDE:
                raise UsageError(
                    f"--size: {side} is no multiple of {_STRIDE} from {_STRIDE} to {_LARGEST_SIDE}",
                    hint=f"the next one is {min(max(_STRIDE, round(side / _STRIDE) * _STRIDE), _LARGEST_SIDE)}",
                )


@option_group
@frozen(kw_only=True, slots=False)
class PatchOrderSpec(OptionGroup):
    """How weights are read."""

    patch_order: PatchOrderName = field(default="auto")
    """How a model's file packs patches: legacy (official ones before November 2024), current, or auto: found out."""


@option_group
@frozen(kw_only=True, slots=False)
class DeviceSpec(OptionGroup):
    """What computes."""

    device: Annotated[str, Suggested("devices")] = field(default="auto")
    """auto, cpu, cuda, cuda:N or mps; of videos also several: cuda:0,1 or cuda:all."""

    @device.validator
    def _check_device(self, option: "Attribute[str]", value: str) -> None:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:([0-9]+(,[0-9]+)*|all))?", value):
            raise choice_error("--device", value, ("auto", "cpu", "cuda", "cuda:<number>", "mps"))


@option_group
@frozen(kw_only=True, slots=False)
class PrecisionSpec(OptionGroup):
    """How exactly it computes."""

    precision: Precision = field(default="auto")
    """Half where it is fast and does no harm: auto. int8 (OpenVINO) is faster on CPUs and less exact: only by name."""


@option_group
@frozen(kw_only=True, slots=False)
class CalibrationSpec(OptionGroup):
    """What int8 is fitted to."""

    calibration: Path | None = field(default=None, converter=converters.optional(Path))
    """Pictures for int8: a folder of them, or a video. Default: frames of INPUT."""


@option_group
@frozen(kw_only=True, slots=False)
class BatchSpec(OptionGroup):
    """How much is computed at once."""

    batch_size: Annotated[int | None, Parameter(name=["--batch-size", "-b"]), WRITTEN] = field(
        default=None, converter=converters.optional(parse_count)
    )
    """Frames at once. Default: auto, what is fastest on the first frames."""

    @batch_size.validator
    def _check_batch(self, option: "Attribute[Any]", value: int | None) -> None:
        if value is not None and value < 1:
            raise UsageError(f"--batch-size: {value} is less than 1")


@option_group
@frozen(kw_only=True, slots=False)
class DetailSpec(OptionGroup):
    """How finely mattes are worked out."""

    detail: Annotated[str, WRITTEN] = field(default="off", converter=parse_detail)
    """Work mattes out in tiles where they have edges: full, pixels of the longest side such as 8192, or off."""

    def detail_size(self, width: int, height: int) -> tuple[int, int] | None:
        """Height and width at which mattes of pictures are worked out; ``None``: in one piece.

        Args:
            width: of the pictures.
            height: of the pictures.
        """
        if self.detail == "off":
            return None
        scale = 1.0 if self.detail == "full" else min(1.0, int(self.detail) / max(width, height))
        return max(1, round(height * scale)), max(1, round(width * scale))


@option_group
@frozen(kw_only=True, slots=False)
class EngineSpec(OptionGroup):
    """What runs a network."""

    engine: EngineName = field(default="auto")
    """What runs it: auto takes the fastest and says why not a faster one; one that is named is never replaced."""


@option_group
@frozen(kw_only=True, slots=False)
class NetworkSpec(CalibrationSpec, PrecisionSpec, EngineSpec, DeviceSpec, PatchOrderSpec, WeightsSpec):
    """A network, and what runs it.

    Raises:
        UsageError: if a field is out of its range.
    """

    compose_on: ComposeOn = field(default="auto")
    """Where outputs are made: cpu, device (the network's), or auto: there, if it is an NVIDIA GPU."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.calibration is not None and self.precision != "int8":
            raise UsageError("--calibration: goes with --precision int8")


@option_group
@frozen(kw_only=True, slots=False)
class BuildSpec(OptionGroup):
    """What may be built."""

    build_beside: bool = field(default=True)
    """Build a faster engine beside a long render, which then goes on with it (TensorRT, with --engine auto)."""


@option_group
@frozen(kw_only=True, slots=False)
class BackendSpec(BuildSpec, DetailSpec, BatchSpec, NetworkSpec):
    """A network, what runs it, and how many frames at once.

    Raises:
        UsageError: if a field is out of its range.
    """

    one_at_a_time: Annotated[bool, INTERNAL] = field(default=False)
    """Every batch gets all of the machine: it is done earlier, and fewer of them are done."""

    @classmethod
    def for_one(cls, network: NetworkSpec, detail: str = "off") -> Self:
        """The same network for one picture at a time.

        Args:
            network: which one.
            detail: of :class:`DetailSpec`.
        """
        return cls(**{**asdict(network), "batch_size": 1, "one_at_a_time": True, "detail": detail})
