"""1x1 convolutions before up-sampling in place of after it, and no full-size copy of the half-size features.

Both are linear, one over channels and one over places, so their order does not matter; a quarter of the places is
left to multiply, and of wide features only their few projected channels are enlarged.
"""

from typing import cast

import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.blocks import resize
from birefnet_video.model.localization import Localization
from birefnet_video.model.reconstruction import Stage
from birefnet_video.model.rewrites.kept import Kept
from torch import Tensor, nn
from torch.nn import functional as F

#: Matrices that are kept: six for each size of picture.
_MOST_MATRICES = 6 * 8


def commute_laterals(net: BiRefNet) -> bool:
    """Move the lateral convolutions of the decoder into the localization module; returns whether that applies."""
    plain = net.localization
    if not plain.two_scales or plain.necks is not None:
        return False
    stages = [cast(Stage, stage) for stage in net.reconstruction.stages]
    laterals = [cast(nn.Conv2d, stage.lateral) for stage in reversed(stages[:3])]
    net.localization = ProjectingLocalization(plain, laterals)
    for stage in stages[:3]:
        stage.lateral = nn.Identity()
    return True


class ProjectingLocalization(Localization):
    """A :class:`Localization` at two scales whose three finer features are projected already."""

    def __init__(self, plain: Localization, laterals: list[nn.Conv2d]) -> None:
        """
        Args:
            plain: what it computes, but for the projection.
            laterals: of the features at strides 4, 8, 16.
        """
        super().__init__(plain.backbone, plain.squeeze, None, None, two_scales=True)
        self.laterals = nn.ModuleList(_Halves(lateral) for lateral in laterals)
        self.matrices = Kept(_MOST_MATRICES)

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Picture (N, 3, H, W) -> projected features at strides 4, 8, 16, the squeezed one at 32, and ``None``."""
        full = self.backbone(image)
        half = self.backbone(resize(image, (image.shape[2] // 2, image.shape[3] // 2)))
        place = full[3].shape[2:]
        context = []
        for fine, coarse in zip(full[:3], half[:3], strict=True):
            context += [resize(fine, place), self._resize_twice(coarse, fine.shape[2:], place)]
        squeezed = self.squeeze(torch.cat((*context, full[3], resize(half[3], place)), dim=1))
        projected = [
            lateral(fine, coarse) for lateral, fine, coarse in zip(self.laterals, full[:3], half[:3], strict=True)
        ]
        return [*projected, squeezed], None

    def _resize_twice(self, x: Tensor, middle: torch.Size, end: torch.Size) -> Tensor:
        """``resize(resize(x, middle), end)`` without what is in between: both are matrices over rows and columns."""
        rows, columns = (self._matrix(x, x.shape[axis], middle[axis - 2], end[axis - 2]) for axis in (2, 3))
        n, channels, height, width = x.shape
        # Channels last: two large matrix products in place of many small ones.
        lines = rows @ x.permute(0, 2, 3, 1).reshape(n, height, width * channels)
        return (columns @ lines.view(n, -1, width, channels)).permute(0, 3, 1, 2)

    def _matrix(self, x: Tensor, start: int, middle: int, end: int) -> Tensor:
        """Both steps along one axis, (end, start), in the dtype of ``x``."""
        return self.matrices.get(
            (start, middle, end, x.dtype), x.device, lambda: _weights(start, middle, end, x.device).to(x.dtype)
        )


class _Halves(nn.Module):
    """A 1x1 convolution of two features side by side, the second one of lower resolution."""

    def __init__(self, whole: nn.Conv2d) -> None:
        super().__init__()
        middle = whole.in_channels // 2
        assert whole.bias is not None  # laterals have one
        # Without memory until they have their weights.
        self.fine = nn.Conv2d(middle, whole.out_channels, 1, device="meta")
        self.coarse = nn.Conv2d(middle, whole.out_channels, 1, bias=False, device="meta")
        self.fine.weight = nn.Parameter(whole.weight[:, :middle].detach().clone(), False)
        self.fine.bias = nn.Parameter(whole.bias.detach().clone(), False)
        self.coarse.weight = nn.Parameter(whole.weight[:, middle:].detach().clone(), False)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """(N, C, H, W) and (N, C, h, w) -> (N, O, H, W)."""
        return self.fine(fine) + resize(self.coarse(coarse), fine.shape[2:])


def _weights(start: int, middle: int, end: int, device: torch.device) -> Tensor:
    # In float32: what is resampled twice is rounded once.
    steps = torch.eye(start, dtype=torch.float32, device=device)[None]
    for size in (middle, end):
        steps = F.interpolate(steps, size=size, mode="linear", align_corners=True)
    return steps[0].transpose(0, 1)
