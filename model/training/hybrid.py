"""The whole training loss: every prediction, the gradient features and the class (paper, section 3.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import birefnet_video.model.training.losses as losses
import torch
from birefnet_video.model.birefnet import TrainingOutput
from torch import Tensor
from torch.nn import functional as F

#: Weights of the reference's tasks; a missing term weighs nothing.
TASKS: dict[str, dict[str, float]] = {
    "DIS5K": {"bce": 30, "iou": 0.5, "ssim": 10},
    "COD": {"bce": 30, "iou": 0.5, "ssim": 10},
    "HRSOD": {"bce": 30, "iou": 0.5, "ssim": 10},
    "General": {"bce": 30, "iou": 0.5, "mae": 100, "ssim": 10},
    "Matting": {"bce": 30, "mae": 100, "ssim": 10},
}
#: Factors on a task's weights in each of the last epochs, one after the other.
FINE_TUNING: dict[str, dict[str, float]] = {
    "DIS5K": {"bce": 0, "iou": 0.5, "mae": 0.9},
    "COD": {"bce": 0, "iou": 0.5, "mae": 0.9},
    "HRSOD": {"bce": 0, "iou": 0.5, "mae": 0.9},
    "General": {"bce": 0, "iou": 0.5, "mae": 0.9},
    "Matting": {"mse": 0.9, "ssim": 0.9},
}
#: Number of those last epochs.
FINE_TUNING_EPOCHS = {"DIS5K": 40, "COD": 20, "HRSOD": 20, "General": 20, "Matting": 20}
#: Weight of the class's cross-entropy.
_CLASS_WEIGHT = 5.0

_ON_LOGITS: dict[str, Callable[..., Tensor]] = {"bce": losses.bce, "structure": losses.structure}
_ON_ALPHA: dict[str, Callable[..., Tensor]] = {
    "iou": losses.iou,
    "patch_iou": losses.patch_iou,
    "ssim": losses.ssim,
    "mae": losses.mae,
    "mse": losses.mse,
    "contour": losses.contour,
}
#: Every term that may be given a weight.
TERMS = (*_ON_LOGITS, *_ON_ALPHA)
#: Terms whose reference form differs from the sound one.
_QUIRKS = ("iou", "patch_iou")


@dataclass(frozen=True, slots=True)
class LossParts:
    """What a training step is told: scalars, ``total`` being the sum of the other three."""

    total: Tensor
    pixel: Tensor
    classification: Tensor
    gradient: Tensor
    terms: Mapping[str, Tensor]
    """The weighted share of each term of ``pixel``, without a gradient, for logs."""

    def told(self) -> dict[str, float]:
        """All of them by name, in one transfer from the device, which waits for the step."""
        named = {
            "loss": self.total,
            "pixel": self.pixel,
            "classification": self.classification,
            "gradient": self.gradient,
            **self.terms,
        }
        return dict(
            zip(named, torch.stack([value.detach().double() for value in named.values()]).tolist(), strict=True)
        )


class HybridLoss:
    """Pixel terms on all predictions, cross-entropy on the class, and the outward reference's gradient supervision."""

    def __init__(
        self,
        task: str = "DIS5K",
        *,
        weights: Mapping[str, float] | None = None,
        side_weight: float = 1.0,
        coarse_sides: bool = False,
        gradient_weight: float = 1.0,
        faithful: bool = False,
    ) -> None:
        """
        Args:
            task: one of :data:`TASKS`.
            weights: term -> weight, in place of the task's own.
            side_weight: weight of the three coarse predictions against the final one.
            coarse_sides: compare those three at their own sizes with the matte averaged to them, which costs next to
                nothing; otherwise they are brought to the matte's size, as in the reference.
            gradient_weight: weight of the gradient supervision.
            faithful: compute as the reference does, quirks included: IoU summed over the batch and NaN for an empty
                pair, patch IoU of one patch, and a gradient label through which gradients flow.

        Raises:
            ValueError: for an unknown task or term.
        """
        if task not in TASKS:
            raise ValueError(f"no task called {task!r}; there are: {', '.join(TASKS)}")
        self.task = task
        self.weights = dict(TASKS[task] if weights is None else weights)
        unknown = sorted(set(self.weights) - set(TERMS))
        if unknown:
            raise ValueError(f"no loss term called {unknown[0]!r}; there are: {', '.join(TERMS)}")
        self.side_weight = side_weight
        self.coarse_sides = coarse_sides
        self.gradient_weight = gradient_weight
        self.faithful = faithful

    def begin_epoch(self, epoch: int, epochs: int, fine_tuning: int | None = None) -> None:
        """Set the weights of an epoch: in the last ones the reference lets single terms fade.

        Args:
            epoch: from 1 to ``epochs``.
            epochs: of the whole run.
            fine_tuning: number of last epochs in which terms fade, from the first one on in a shorter run; the task's
                own if ``None``.
        """
        last = FINE_TUNING_EPOCHS[self.task] if fine_tuning is None else fine_tuning
        times = max(0, epoch - max(0, epochs - last))
        self._faded = {name: factor**times for name, factor in FINE_TUNING[self.task].items()}

    _faded: Mapping[str, float] = {}

    def __call__(
        self,
        out: TrainingOutput,
        target: Tensor,
        class_labels: Tensor | None = None,
        known: Tensor | None = None,
    ) -> LossParts:
        """
        Args:
            out: what the network in training mode returned.
            target: alpha, float (N, 1, H, W); clamped to [0, 1].
            class_labels: int64 (N,); negative: of no known class.
            known: float (N, 1, H, W), 1 where ``target`` counts; ``None``: everywhere.
        """
        target = target.clamp(0, 1)
        zero = target.new_zeros(())
        shares: dict[str, Tensor] = {}
        pixel = zero
        for i, logits in enumerate(out.predictions):
            weight = 1.0 if i == len(out.predictions) - 1 else self.side_weight
            if self.coarse_sides:
                meant, counts = _shrink(target, logits), None if known is None else _shrink(known, logits)
                share = self._pixel(logits, meant, counts, weight, shares)
            else:
                share = self._pixel(_upsample(logits, target), target, known, weight, shares)
            pixel = pixel + weight * share
        gradient = self.gradient_weight * self._gradient(out, zero)
        classification = zero
        if out.class_logits is not None and class_labels is not None:
            total = F.cross_entropy(out.class_logits, class_labels, ignore_index=-1, reduction="sum")
            classification = _CLASS_WEIGHT * total / (class_labels >= 0).sum().clamp(min=1)
        return LossParts(pixel + classification + gradient, pixel, classification, gradient, shares)

    def _pixel(
        self, logits: Tensor, target: Tensor, known: Tensor | None, side: float, shares: dict[str, Tensor]
    ) -> Tensor:
        loss, alpha = target.new_zeros(()), torch.sigmoid(logits)
        for name, weight in self.weights.items():
            weight *= self._faded.get(name, 1.0)
            if not weight:
                continue
            options = {"faithful": self.faithful} if name in _QUIRKS else {}
            if name in _ON_LOGITS:
                term = weight * _ON_LOGITS[name](self._as_logits(name, logits, alpha), target, known)
            else:
                term = weight * _ON_ALPHA[name](alpha, target, known, **options)
            # Not read here: each number that is read makes the host wait for the device.
            shares[name] = shares.get(name, 0.0) + side * term.detach()
            loss = loss + term
        return loss

    def _as_logits(self, name: str, logits: Tensor, alpha: Tensor) -> Tensor:
        """The reference gives its structure loss a sigmoid's result as if it were a logit."""
        return alpha if self.faithful and name == "structure" else logits

    def _gradient(self, out: TrainingOutput, zero: Tensor) -> Tensor:
        """Sum over the stages of BCE(sigmoid(prediction), sigmoid(label)), at the label's size."""
        loss = zero
        for prediction, label in zip(out.gradient_predictions, out.gradient_labels, strict=True):
            meant = torch.sigmoid(label if self.faithful else label.detach())
            loss = loss + F.binary_cross_entropy_with_logits(_upsample(prediction, label), meant)
        return loss


def _upsample(logits: Tensor, like: Tensor) -> Tensor:
    if logits.shape[2:] == like.shape[2:]:
        return logits
    return F.interpolate(logits, size=like.shape[2:], mode="bilinear", align_corners=True)


def _shrink(mask: Tensor, like: Tensor) -> Tensor:
    if mask.shape[2:] == like.shape[2:]:
        return mask
    return F.adaptive_avg_pool2d(mask, (like.shape[2], like.shape[3]))
