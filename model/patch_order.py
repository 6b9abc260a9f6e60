"""The order in which inward references pack patches, which changed in November 2024 without changing any name.

A network with weights of the other order runs without a word and gives a ruined matte. An order is a permutation
of the input channels of each inward reference's first convolution, so it is normalised once, on loading.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import torch
from birefnet_video.model.preprocess import postprocess, preprocess

if TYPE_CHECKING:
    from birefnet_video.model.birefnet import BiRefNet

#: IoU with the known matte from which a network counts as working.
_WORKS = 0.8
#: Lead in IoU that the legacy order needs: the current one is the norm.
_LEAD = 0.03
#: Side of the picture that the evidence is taken at, in pixels.
_SIDE = 512


def reorder_patches(net: "BiRefNet") -> None:
    """Turn weights for patches as (column, row, colour) into weights for (colour, row, column), in place."""
    for conv in net.reconstruction.patch_convolutions():
        out_channels, in_channels, *kernel = conv.weight.shape
        side = round((in_channels // 3) ** 0.5)
        weight = conv.weight.data.view(out_channels, side, side, 3, *kernel)
        conv.weight.data = weight.permute(0, 3, 2, 1, 4, 5).reshape(conv.weight.shape).contiguous()


def find_patch_order(net: "BiRefNet") -> tuple[Literal["current", "legacy"], str]:
    """Run both orders on a picture with a known matte and compare.

    Returns:
        the order, and the evidence in words. Without clear evidence it is the current one.
    """
    picture, truth = read_evidence()
    current = _agreement(net, picture, truth)
    if current >= 1 - _LEAD:
        return "current", f"IoU {current:.2f} on the test picture"
    convolutions = net.reconstruction.patch_convolutions()
    kept = [conv.weight.data for conv in convolutions]
    reorder_patches(net)
    legacy = _agreement(net, picture, truth)
    for conv, weight in zip(convolutions, kept, strict=True):
        conv.weight.data = weight
    figures = f"IoU {current:.2f} as current, {legacy:.2f} as legacy order"
    if legacy >= _WORKS and legacy - current >= _LEAD:
        return "legacy", figures
    if current >= _WORKS:
        return "current", figures
    return "current", f"{figures}: no clear evidence"


def _agreement(net: "BiRefNet", picture: np.ndarray, truth: np.ndarray) -> float:
    """IoU at 0.5 of the network's matte with the known one."""
    with torch.inference_mode():
        logits = net(preprocess(picture, (_SIDE, _SIDE)).unsqueeze(0))
    found = postprocess(logits, truth.shape)[0, 0].numpy() > 0.5
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def read_evidence() -> tuple[np.ndarray, np.ndarray]:
    """The picture uint8 (H, W, 3) RGB and its matte bool (H, W), shipped with the package."""
    folder = files("birefnet_video.model.weights")

    def read(name: str, flag: int) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(folder.joinpath(name).read_bytes(), np.uint8), flag)

    picture = cv2.cvtColor(read("evidence.jpg", cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return picture, read("evidence_matte.png", cv2.IMREAD_GRAYSCALE) > 127
