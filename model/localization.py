"""The localization module: backbone at two scales, context, squeeze and the classification head."""

import torch
from birefnet_video.model.blocks import resize
from torch import Tensor, nn


class Localization(nn.Module):
    """Where the object is: features at 1/4 to 1/32 of the picture, the deepest one with context of all."""

    def __init__(
        self,
        backbone: nn.Module,
        squeeze: nn.Module,
        classifier: nn.Module | None,
        necks: nn.ModuleList | None,
        *,
        two_scales: bool,
    ) -> None:
        """
        Args:
            backbone: (N, 3, H, W) -> four features, fine to coarse.
            squeeze: reduces the deepest feature with its context.
            classifier: (N, C) -> (N, categories), run in training only.
            necks: for a backbone whose features all have one stride: project each feature, fine to coarse,
                before it is resized to stride 4, 8, 16 or 32.
            two_scales: run the backbone on the half-size picture too.
        """
        super().__init__()
        self.backbone = backbone
        self.squeeze = squeeze
        self.classifier = classifier
        self.necks = necks
        self.two_scales = two_scales

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Picture (N, 3, H, W) -> features at strides 4, 8, 16, 32, and class logits (training) or ``None``."""
        features = list(self.backbone(image))
        if self.two_scales:
            half = resize(image, (image.shape[2] // 2, image.shape[3] // 2))
            features = [
                torch.cat((full, resize(small, full.shape[2:])), dim=1)
                for full, small in zip(features, self.backbone(half), strict=True)
            ]
        deepest = features[3]
        logits = None
        if self.training and self.classifier is not None:
            logits = self.classifier(deepest.mean(dim=(2, 3)))
        context = [resize(feature, deepest.shape[2:]) for feature in features[:3]]
        features[3] = self.squeeze(torch.cat((*context, deepest), dim=1))
        if self.necks is not None:
            features = [
                resize(neck(feature), (image.shape[2] // stride, image.shape[3] // stride))
                for neck, feature, stride in zip(self.necks, features, (4, 8, 16, 32), strict=True)
            ]
        return features, logits
