"""Rewrites of a loaded network for inference that leave its output as it is, up to rounding.

- BatchNorm becomes part of the convolution before it.
- The two convolutions that predict offsets and modulation of a deformable one become one.
- ASPP adds up what its branches contribute in place of laying them side by side.
- Window attention is one operator with masks that do not depend on the size, or one CUDA kernel.
- Rotary position embeddings are made once for each size.
- The tail at full size (up-sampling, two convolutions over the picture, a projection: all linear) becomes
  one 5x5 convolution of the picture, and a projection before the up-sampling.
- The decoder's lateral 1x1 convolutions come before the up-sampling of the half-size features.
- Heads that only training needs are left out.
"""

import copy
from collections.abc import Callable

from birefnet_video.model.aspp import ASPP
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.deform import DeformableConv2d, Implementation, MergedDeformableConv2d
from birefnet_video.model.deform_tuning import DeformTuning
from birefnet_video.model.reconstruction import FullHead, Stage
from birefnet_video.model.rewrites.batch_norm import fold_batch_norm
from birefnet_video.model.rewrites.context import SummedASPP
from birefnet_video.model.rewrites.laterals import commute_laterals
from birefnet_video.model.rewrites.rotary import KeptRotary
from birefnet_video.model.rewrites.tail import FoldedHead
from birefnet_video.model.rewrites.windows import FusedSwin
from birefnet_video.model.swin import SwinBackbone
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import nn


def optimize(net: BiRefNet, *, deform: Implementation = "auto", is_own: bool = False) -> BiRefNet:
    """A copy of ``net`` for inference: same input, same output, less work. It cannot be trained or saved.

    Args:
        net: as :func:`birefnet_video.model.load_checkpoint` gives it.
        deform: how deformable convolutions are computed.
        is_own: ``net`` itself becomes what is returned: nobody else has it.
    """
    fast = (net if is_own else copy.deepcopy(net)).eval()
    fold_batch_norm(fast)
    tuning = DeformTuning()
    _replace(fast, DeformableConv2d, lambda conv: MergedDeformableConv2d(conv, deform, tuning))
    _replace(fast, ASPP, SummedASPP)
    _replace(fast, SwinBackbone, FusedSwin)
    _replace(fast, RotaryEmbeddingDinoV3, KeptRotary)
    _replace(fast, FullHead, FoldedHead)
    fast.localization.classifier = None
    commute_laterals(fast)
    for stage in fast.reconstruction.stages:
        if isinstance(stage, Stage) and stage.outward is not None:
            stage.side = stage.outward.predict = nn.Identity()
    return fast.requires_grad_(False)


def _replace(net: nn.Module, kind: type[nn.Module], rewrite: Callable[..., nn.Module]) -> None:
    for name, module in list(net.named_modules()):
        if isinstance(module, kind):
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, rewrite(module))
