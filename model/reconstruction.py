"""The reconstruction module: four decoder stages, each with the inward and the outward reference."""

from dataclasses import dataclass, field
from typing import cast

import torch
from birefnet_video.model.blocks import InwardReference, OutwardReference, resize
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(slots=True)
class StageOutputs:
    """What training supervises besides the last prediction, coarse to fine."""

    side: list[Tensor] = field(default_factory=list)
    gradient_predictions: list[Tensor] = field(default_factory=list)
    gradient_labels: list[Tensor] = field(default_factory=list)


class Stage(nn.Module):
    """One decoder stage. ``outward``, ``side`` and ``lateral`` are absent in the last one."""

    def __init__(
        self,
        inward: InwardReference,
        block: nn.Module,
        outward: OutwardReference | None = None,
        side: nn.Module | None = None,
        lateral: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.inward = inward
        self.block = block
        self.outward = outward
        self.side = side
        self.lateral = lateral

    def forward(self, x: Tensor, image: Tensor, laplacian: Tensor | None, outputs: StageOutputs | None) -> Tensor:
        """Decode (N, C, H, W), append to ``outputs`` in training, and return the gated feature."""
        x = self.block(torch.cat((x, self.inward(image, x.shape[2:])), dim=1))
        if self.outward is None or self.side is None:
            return x
        gated, gradient_features = self.outward(x)
        if outputs is not None and laplacian is not None:
            prediction = self.side(x)
            outputs.side.append(prediction)
            outputs.gradient_labels.append(laplacian * resize(prediction, laplacian.shape[2:]))
            outputs.gradient_predictions.append(self.outward.predict(gradient_features))
        return gated


class FullHead(nn.Module):
    """Last prediction at full size, from the up-sampled feature and the picture itself."""

    def __init__(self, channels: int, inward: InwardReference) -> None:
        super().__init__()
        self.inward = inward
        self.project = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Feature (N, C, H/4, W/4) and picture (N, 3, H, W) -> logits (N, 1, H, W)."""
        size = image.shape[2:]
        return self.project(torch.cat((resize(x, size), self.inward(image, size)), dim=1))


class ShuffleHead(nn.Module):
    """Last prediction computed at half size, four logits a place."""

    def __init__(self, channels: int, hidden: int, inward: InwardReference) -> None:
        super().__init__()
        self.inward = inward
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.project = nn.Conv2d(hidden, 4, 3, padding=1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Feature (N, C, H/4, W/4) and picture (N, 3, H, W) -> logits (N, 1, H, W)."""
        size = (image.shape[2] // 2, image.shape[3] // 2)
        x = torch.cat((resize(x, size), self.inward(image, size)), dim=1)
        return F.pixel_shuffle(self.project(torch.relu(self.conv(x))), 2)


class Reconstruction(nn.Module):
    """From features to the matte, coarse to fine."""

    def __init__(self, stages: list[Stage], head: nn.Module) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.head = head

    def patch_convolutions(self) -> list[nn.Conv2d]:
        """The convolutions that read packed patches of more than one pixel a side, coarse to fine."""
        return [cast(Stage, stage).inward.conv_in for stage in self.stages]

    def forward(
        self, image: Tensor, features: list[Tensor], laplacian: Tensor | None = None
    ) -> tuple[Tensor, StageOutputs | None]:
        """
        Args:
            image: (N, 3, H, W).
            features: strides 4, 8, 16, 32, fine to coarse.
            laplacian: of the picture, (N, 1, H, W); given in training.

        Returns:
            logits (N, 1, H, W) and, in training, what the stages predict.
        """
        outputs = StageOutputs() if laplacian is not None else None
        x = features[3]
        for stage, finer in zip(self.stages, (*reversed(features[:3]), None), strict=True):
            x = stage(x, image, laplacian, outputs)
            if finer is not None:
                x = resize(x, finer.shape[2:]) + cast(nn.Module, stage.lateral)(finer)
        return self.head(x, image), outputs
