"""BiRefNet: Bilateral Reference for High-Resolution Dichotomous Image Segmentation (arXiv 2401.03407)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from birefnet_video.model.build import build_localization, build_reconstruction
from birefnet_video.model.config import BiRefNetConfig
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from birefnet_video.model.patch_order import FoundOrder

#: Height and width of an input are multiples of this many pixels.
STRIDE = 32

#: Side of the Laplacian kernel that makes the gradient labels.
_LAPLACIAN_SIDE = 5


@dataclass(slots=True)
class TrainingOutput:
    """What a network in training mode returns. All maps are raw, before any sigmoid."""

    predictions: list[Tensor]
    """Coarse to fine: (N, 1, H/32, W/32), /16, /8 and (N, 1, H, W)."""
    gradient_predictions: list[Tensor]
    """Coarse to fine, (N, 1, H/32, W/32), /16, /8."""
    gradient_labels: list[Tensor]
    """Laplacian of the picture times the stage's own prediction, (N, 1, H, W) each."""
    class_logits: Tensor | None
    """(N, categories), or ``None`` without the classification head."""


class BiRefNet(nn.Module):
    """The whole network, with random weights; :func:`birefnet_video.model.load_checkpoint` brings trained ones."""

    def __init__(self, config: BiRefNetConfig) -> None:
        super().__init__()
        self.config = config
        self.localization = build_localization(config)
        self.reconstruction = build_reconstruction(config)
        self.patch_order: FoundOrder | None = None
        """That of the file it was loaded from; its own is always the current one."""

    @property
    def patch_order_note(self) -> str:
        """The same in words; nothing without a file."""
        return self.patch_order.words if self.patch_order is not None else ""

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """
        Args:
            x: ImageNet-normalised picture, float (N, 3, H, W), H and W multiples of 32.

        Returns:
            In evaluation mode raw logits (N, 1, H, W); in training mode a :class:`TrainingOutput`.

        Raises:
            ValueError: if H or W is no multiple of 32.
        """
        if x.shape[2] % STRIDE or x.shape[3] % STRIDE:
            raise ValueError(f"input is {x.shape[3]}x{x.shape[2]}; width and height must be multiples of {STRIDE}")
        features, class_logits = self.localization(x)
        if not self.training:
            return self.reconstruction(x, features)[0]
        logits, stages = self.reconstruction(x, features, laplacian(x.mean(dim=1, keepdim=True)))
        return TrainingOutput(
            predictions=[*stages.side, logits],
            gradient_predictions=stages.gradient_predictions,
            gradient_labels=stages.gradient_labels,
            class_logits=class_logits,
        )


def laplacian(image: Tensor) -> Tensor:
    """Laplacian of (N, 1, H, W) by a normalised 5x5 kernel with reflected borders, same shape."""
    area = _LAPLACIAN_SIDE**2
    kernel = torch.ones(1, 1, _LAPLACIAN_SIDE, _LAPLACIAN_SIDE, dtype=image.dtype, device=image.device)
    kernel[..., _LAPLACIAN_SIDE // 2, _LAPLACIAN_SIDE // 2] = 1 - area
    # The sum of absolute values becomes 1, which keeps the response in the picture's own range.
    kernel /= 2 * (area - 1)
    border = _LAPLACIAN_SIDE // 2
    return F.conv2d(F.pad(image, (border, border, border, border), mode="reflect"), kernel)
