"""What a network's mattes of known pictures say of the order in which its weights pack patches.

With the wrong order a trained network still finds its subject: what it loses is certainty and precision along edges.
The difference is small, and so only its sign counts, and only if all pictures agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from birefnet_video.model.evidence import Evidence, evidence
from birefnet_video.model.patch_filters import PatchOrder
from birefnet_video.model.preprocess import postprocess, preprocess
from torch import Tensor

#: Side of what the network sees, in pixels.
_SIDE = 512
#: Least IoU with the known matte of a network that works.
_WORKS = 0.5
#: Half the width of the band along edges, as a share of the picture's smaller side.
_BAND = 0.025

#: Normalised pictures (N, 3, H, W) -> raw logits (N, 1, H, W).
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pictures say."""

    order: PatchOrder | None
    """``None``: nothing that all of them agree on."""
    words: str


@dataclass(frozen=True, slots=True)
class _Edges:
    overlap: float
    """IoU with the known matte at one half."""
    error: float
    """Mean distance from the known matte in the band along its edges, in [0, 1]."""
    certainty: float
    """Mean distance from one half there, in [0, 0.5]."""


def ask_pictures(current: Network, legacy: Network) -> Verdict:
    """Compare a network under both orders on the bundled pictures.

    An order is found if on every picture its matte is nearer to the known one and further from one half than the
    other's, both along the edges. It takes two forward passes a picture, and stops at the first one that settles that
    there is no answer: the subject is not found in it, or it speaks for another order than those before.

    Args:
        current: the network with its weights read as of the current order.
        legacy: the same as of the legacy one.
    """
    found: PatchOrder | None = None
    count = 0
    for known in evidence():
        one, other = _edges(current, known), _edges(legacy, known)
        if max(one.overlap, other.overlap) < _WORKS:
            return Verdict(None, "pictures with known mattes say nothing, for it does not find their subjects")
        count += 1
        leader = _leader(one, other)
        if leader is None or found not in (None, leader):
            return Verdict(None, "edges of known mattes do not agree on an order")
        found = leader
    return Verdict(found, f"edges of {count} known mattes are nearer and more certain as {found}")


def _leader(current: _Edges, legacy: _Edges) -> PatchOrder | None:
    if current.error < legacy.error and current.certainty > legacy.certainty:
        return "current"
    if legacy.error < current.error and legacy.certainty > current.certainty:
        return "legacy"
    return None


def _edges(network: Network, known: Evidence) -> _Edges:
    with torch.inference_mode():
        logits = network(preprocess(known.rgb, (_SIDE, _SIDE)).unsqueeze(0))
    alpha = postprocess(logits, known.alpha.shape)[0, 0].numpy()
    found, truth = alpha > 0.5, known.alpha > 0.5
    reach = 2 * round(_BAND * min(truth.shape)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    band = cv2.dilate(known.alpha, disc) > cv2.erode(known.alpha, disc)
    return _Edges(
        overlap=float((found & truth).sum() / max((found | truth).sum(), 1)),
        error=float(np.abs(alpha - known.alpha)[band].mean()),
        certainty=float(np.abs(alpha - 0.5)[band].mean()),
    )
