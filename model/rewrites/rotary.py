"""DINOv3's rotary position embedding made once for each size: timm makes it on the CPU for every picture.

It is float32 in networks of half precision too, as timm has it: neighbours differ by less than steps of half precision.
"""

from typing import Any

from birefnet_video.model.rewrites.kept import Kept
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import Tensor, nn

#: Sizes of maps whose embedding is kept: two for each size of picture.
_MOST_SIZES = 8


class KeptRotary(nn.Module):
    """What :class:`timm.layers.RotaryEmbeddingDinoV3` gives out of training."""

    def __init__(self, rotary: RotaryEmbeddingDinoV3) -> None:
        super().__init__()
        self.rotary: Any = rotary.eval()
        self.kept = Kept(_MOST_SIZES)

    def get_embed(self, shape: tuple[int, int]) -> Tensor:
        """For a map of this height and width: float32 (H * W, 2 * channels of a head), sines before cosines."""
        # Whole numbers in place of what a module of timm's may hand over, such as a torch.Size.
        size = (int(shape[0]), int(shape[1]))
        return self.kept.get(size, self.rotary.periods.device, lambda: self.rotary.get_embed(shape=size))
