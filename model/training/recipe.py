"""A training run as data: its sections, what each of their values means, and which are refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from birefnet_video.errors import UsageError

#: Names of the loss terms; their functions are in losses.py.
LOSS_TERMS = ("bce", "structure", "iou", "patch_iou", "ssim", "mae", "mse", "contour")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """Which network, and where its weights begin."""

    architecture: str = "swin_v1_t"
    """A preset's name; not looked at when ``init`` is given."""
    init: str = ""
    """Checkpoint or model name to fine-tune; empty: random weights, but for ``encoder``."""
    patch_order: Literal["auto", "current", "legacy"] = "auto"
    """How the file of ``init`` packs patches; auto: as it says, or judged by its weights."""
    encoder: str = ""
    """Backbone weights (.safetensors or .pth, timm's names), or "imagenet": fetched through timm."""
    encoder_mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """What ``encoder`` was trained to have subtracted from pictures in [0, 1]."""
    encoder_std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """What ``encoder`` was trained to have pictures divided by."""
    classification: bool = False
    """Add the class head; categories are read from DIS5K file names."""
    frozen: tuple[str, ...] = ()
    """Beginnings of names of backbone parameters that are not trained; "" freezes all of it."""
    frozen_statistics: bool = False
    """Keep the backbone's BatchNorm statistics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """Which pictures."""

    root: str = ""
    """Folder of the sets."""
    sets: str = ""
    """Names joined by +, such as DIS-TR+TR-HRSOD; each a folder with im and gt, or a folder of RGBA pictures."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Set -> relative frequency; empty: one picture after the other, in another order each time."""
    composites: float = 0.0
    """Share of the samples that are cut-outs pasted on backgrounds."""
    empty: float = 0.06
    """Share of the composites that show no subject."""
    stones: float = 0.0
    """Share of the composites with made-up stones behind the subjects, and as many with some before them."""
    bodies: float = 0.0
    """Share of the composites that are a made-up body in a plain field, such as an organ in a slice."""
    cutouts: Mapping[str, float] = field(default_factory=dict)
    """Set or folder of RGBA pictures -> relative frequency among the pasted subjects."""
    groups: tuple[str, ...] = ()
    """Cut-out sets whose subjects are pasted in groups as well."""
    backgrounds: tuple[str, ...] = ()
    """Folders of pictures without a subject; without these and ``places`` subjects stand on flat colours."""
    places: tuple[str, ...] = ()
    """Sets of which the parts beside the subject serve as backgrounds."""
    sizes: tuple[tuple[int, int], ...] = ((1024, 1024),)
    """Height and width of the batches, one drawn a step; multiples of 32."""
    last_sizes: tuple[tuple[int, int], ...] = ()
    """Those of the steps in which ``optimiser.schedule = "hold"`` lets the rate fall; empty: ``sizes``."""
    dynamic: tuple[int, ...] = ()
    """Least and greatest side: height and width are drawn anew each step, in place of ``sizes``."""
    batch_size: int = 4
    """Pictures of ``sizes[0]`` a step, over all processes; other sizes get as many pixels."""
    workers: int = 2
    """Processes that read pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSection:
    """How pictures are varied. Values are probabilities unless they say otherwise."""

    flip: float = 0.5
    rotate: float = 0.0
    rotate_degrees: float = 15.0
    """Greatest angle."""
    crop: float = 0.0
    crop_least: float = 0.55
    """Least share of a side that a crop keeps."""
    zoom_out: float = 0.0
    zoom_out_most: float = 2.4
    """Greatest factor by which a picture is made smaller within its mirror images."""
    colour: float = 1.0
    """Strength of changes of brightness, contrast, gamma, saturation and tint; 0: none, 1: plenty."""
    blur: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    motion_blur: float = 0.0
    """Of pasted subjects."""


@dataclass(frozen=True, slots=True)
class LossSection:
    """What is minimised."""

    task: Literal["DIS5K", "COD", "HRSOD", "General", "Matting"] = "General"
    """Weights and last epochs of the reference."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Term -> weight, in place of the task's; terms: bce, iou, ssim, mae, mse, structure, contour, patch_iou."""
    side_weight: float = 1.0
    """Of the three coarse predictions."""
    coarse_sides: bool = False
    """Compare those at their own sizes."""
    gradient_weight: float = 1.0
    fine_tuning_epochs: int = -1
    """Last epochs in which terms fade, 0: none; -1: the task's own, but none with ``run.steps`` or own weights."""
    faithful: bool = False
    """Compute as the reference does, quirks included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserSection:
    """AdamW and its rates."""

    rate: float = 1e-4
    backbone_rate: float = 1e-4
    weight_decay: float = 1e-2
    schedule: Literal["constant", "cosine", "hold", "steps"] = "constant"
    warm_up_steps: int = 0
    least: float = 0.01
    """Share of the rate at which the cosine ends."""
    fall: float = 0.3
    """Share of the steps, the last ones, over which ``schedule = "hold"`` goes down a cosine."""
    milestones: tuple[int, ...] = ()
    """Epochs at which ``schedule = "steps"`` multiplies the rate; negative ones count from the end."""
    decay: float = 0.5
    """What it multiplies it by."""
    clip: float = 0.0
    """Greatest norm of the gradients; 0: no limit."""
    accumulate: int = 1
    """Batches whose gradients are added before a step of the optimiser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSection:
    """How long, where and with what records."""

    epochs: int = 0
    """Over the sets' pictures; not looked at when ``steps`` is given."""
    steps: int = 0
    seed: int = 7
    precision: Literal["fp32", "bf16"] = "fp32"
    average: float = 0.0
    """Decay of the exponential moving average of the weights, which is what is exported; 0: none."""
    compile: bool = False
    save_every: int = 200
    """Steps between checkpoints."""
    preview_every: int = 500
    """Steps between contact sheets; 0: none."""
    tensorboard: bool = False
    export_dtype: Literal["float32", "float16"] = "float32"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a training run depends on, but for its pictures."""

    model: ModelSection = field(default_factory=ModelSection)
    data: DataSection = field(default_factory=DataSection)
    augment: AugmentSection = field(default_factory=AugmentSection)
    loss: LossSection = field(default_factory=LossSection)
    optimiser: OptimiserSection = field(default_factory=OptimiserSection)
    run: RunSection = field(default_factory=RunSection)

    def __post_init__(self) -> None:
        for name in ("sizes", "last_sizes"):
            for height, width in getattr(self.data, name):
                if height % 32 or width % 32 or min(height, width) < 32:
                    raise UsageError(f"data.{name}: {height}x{width} is not a multiple of 32")
        if self.data.dynamic and (
            len(self.data.dynamic) != 2 or not 32 <= self.data.dynamic[0] <= self.data.dynamic[1]
        ):
            raise UsageError(f"data.dynamic: {list(self.data.dynamic)} is not [least, greatest] side, from 32")
        for name, value, least in (
            ("data.batch_size", self.data.batch_size, 1),
            ("data.workers", self.data.workers, 0),
            ("optimiser.accumulate", self.optimiser.accumulate, 1),
            ("run.save_every", self.run.save_every, 1),
            ("run.seed", self.run.seed, 0),
            ("augment.zoom_out_most", self.augment.zoom_out_most, 1.2),
        ):
            if value < least:
                raise UsageError(f"{name}: {value} is less than {least}")
        unknown = sorted(set(self.loss.weights) - set(LOSS_TERMS))
        if unknown:
            raise UsageError(f"loss.weights: no term is called {unknown[0]!r}; there are: {', '.join(LOSS_TERMS)}")
        for name in ("data.composites", "data.empty", "data.stones", "data.bodies", "optimiser.fall"):
            section, key = name.split(".")
            share = getattr(getattr(self, section), key)
            if not 0 <= share <= 1:
                raise UsageError(f"{name}: {share} is not between 0 and 1")
