"""Networks in half precision, with what needs float32 left in it."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from birefnet_video.model.birefnet import BiRefNet

#: Backbones whose features bfloat16 spoils: EfficientNet's first blocks tell places apart by differences of less than
#: its steps (mattes of the bundled network change by 0.003 in the mean, 3.6 % of the pixels by more than 0.02).
_NEEDS_FLOAT32 = ("efficientnet",)


def keep_float32() -> None:
    """Let CUDA compute float32 in float32: cuDNN's convolutions would use TF32, which has 10 bits of it, by default."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def needs_float32(backbone: str, dtype: torch.dtype) -> bool:
    """Whether a backbone must not run in ``dtype``."""
    return dtype == torch.bfloat16 and backbone.startswith(_NEEDS_FLOAT32)


class HalfBiRefNet(nn.Module):
    """A network that computes in half precision, with float32 outside."""

    def __init__(self, net: "BiRefNet", dtype: torch.dtype) -> None:
        """
        Args:
            net: for inference; it is taken over, not copied.
            dtype: ``torch.float16`` or ``torch.bfloat16``.
        """
        super().__init__()
        inside = torch.float32 if needs_float32(net.config.backbone, dtype) else dtype
        backbone = net.localization.backbone.to(inside)
        net.localization.backbone = nn.Identity()
        net.to(dtype).localization.backbone = _Cast(backbone, inside, dtype)
        self.localization, self.reconstruction = net.localization, net.reconstruction
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Normalised picture float32 (N, 3, H, W) -> raw logits float32 (N, 1, H, W)."""
        features, _ = self.localization(x)
        return self.reconstruction(x.to(self.dtype), features)[0].float()


class _Cast(nn.Module):
    """A backbone between two precisions."""

    def __init__(self, backbone: nn.Module, inside: torch.dtype, outside: torch.dtype) -> None:
        super().__init__()
        self.backbone, self.inside, self.outside = backbone, inside, outside

    def forward(self, image: Tensor) -> list[Tensor]:
        return [feature.to(self.outside) for feature in self.backbone(image.to(self.inside))]
