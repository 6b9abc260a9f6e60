"""What a network's filters say of the order in which its weights pack patches. No picture is needed.

A filter that has learned from pictures weighs neighbouring pixels alike, and takes another course with every other
order of its input channels. Both orders are regular, though, and weights of one are no noise in the other: weights of
the current order have pixels three apart where the legacy one has neighbours, weights of the legacy order have a
pixel's colours where the current one has neighbours in a row. So likeness alone does not tell them apart.

What does is a peak. Two channels with ``lag`` numbers between them are neighbours in one order, and in the other one
anything else that changes little by little with the lag:

==========  =============  ==========================  =================================================
order       lag            the pixels there            the same lag in the other order
==========  =============  ==========================  =================================================
current     side           one below the other         a third of a side below, in another colour
legacy      3 * side       one beside the other        three below
==========  =============  ==========================  =================================================

The lead of an order is the likeness at its lag above the mean at the two lags beside it that are one step away in the
*other* order (3 for current, a side for legacy). A pattern of the other order runs straight through these three, and so
its lead there is nought, as that of random weights is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

#: Order in which an inward reference packs the pixels of a patch into channels.
PatchOrder = Literal["current", "legacy"]

#: Least side of a patch in pixels. In smaller ones lags run into the next colour, and colours outweigh neighbours.
_LEAST_SIDE = 8
#: Below any variance of weights.
_TINY = 1e-30


@dataclass(frozen=True, slots=True)
class Lead:
    """How much more alike the filters of an order's neighbours are than those of other pixels."""

    likeness: float
    """Difference of mean correlations, in [-2, 2]; nought without any order."""
    errors: float
    """The same in standard errors over the filters."""


def neighbour_leads(convolutions: Sequence[nn.Conv2d]) -> dict[PatchOrder, Lead]:
    """The lead of each order in convolutions that read packed patches.

    Args:
        convolutions: weights (filters, 3 * side * side, height, width) each; those of sides below 8 are left out.
    """
    pairs, shares = [], []
    for convolution in convolutions:
        # On the CPU, whose sums are the same on every machine: the verdict does not depend on where weights lie.
        weight = convolution.weight.detach().cpu().float()
        if weight.shape[1] >= 3 * _LEAST_SIDE**2:
            pairs.append(_leads_of(weight.flatten(2)))
            # Chance plays the smaller a part, the more pixels a filter sees.
            shares.append(torch.full((len(weight),), float(weight.shape[1]), dtype=torch.float64))
    leads, share = torch.cat(pairs, dim=1), torch.cat(shares)
    share = share / share.sum()
    means = (leads * share).sum(dim=1)
    errors = ((leads - means[:, None]) * share).square().sum(dim=1).sqrt()
    current, legacy = zip(means.tolist(), (means / errors.clamp_min(_TINY)).tolist(), strict=True)
    return {"current": Lead(*current), "legacy": Lead(*legacy)}


def _leads_of(weight: Tensor) -> Tensor:
    """Weights (filters, channels, taps) -> lead as current and as legacy of each filter, float64 (2, filters)."""
    side = round((weight.shape[1] / 3) ** 0.5)
    # What a filter has for all of the patch is no part of any order.
    weight = weight - weight.mean(dim=1, keepdim=True)
    variance = weight.square().mean(dim=(1, 2)).clamp_min(_TINY)

    def likeness(lag: int) -> Tensor:
        return (weight[:, :-lag] * weight[:, lag:]).mean(dim=(1, 2)) / variance

    current = likeness(side) - (likeness(side - 3) + likeness(side + 3)) / 2
    legacy = likeness(3 * side) - (likeness(2 * side) + likeness(4 * side)) / 2
    return torch.stack((current, legacy)).double()
