"""The order in which inward references pack patches, which changed in November 2024 without changing any name.

An order is a permutation of the input channels of each inward reference's first convolution, so weights are normalised
once, on loading. A network with weights of the other order runs without a word: trained ones lose a little along
edges, which no look at one matte shows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from birefnet_video.model.patch_filters import Lead, PatchOrder, neighbour_leads
from birefnet_video.model.patch_pictures import Verdict, ask_pictures
from torch import Tensor

if TYPE_CHECKING:
    from birefnet_video.model.birefnet import BiRefNet

#: Standard errors from which a lead of the filters is beyond doubt: among 6,800 random networks none had more than 4.3.
_SURE = 6.0
#: Share of the greater lead from which the smaller one counts beside it. Weights of one order have up to .005 of it in
#: the other, fine-tuned in that one for a hundred steps .14.
_BESIDE = 0.05
#: Standard errors from which it says something.
_LEANS = 3.0


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """How weights pack patches."""

    order: Literal["current", "legacy", "undecidable"]
    evidence: str
    """In words: what speaks for it, or that nothing does."""
    is_judged: bool = True
    """By the weights themselves; else somebody or the file has said so."""

    @property
    def taken(self) -> PatchOrder:
        """The order to read them in: the current one if nothing speaks for either."""
        return "legacy" if self.order == "legacy" else "current"

    @property
    def words(self) -> str:
        """All of it in one line."""
        if self.order == "undecidable":
            return f"patch order undecidable ({self.evidence}): read as current, unless --patch-order says otherwise"
        return f"patch order {self.order} ({self.evidence})"


def reorder_patches(net: "BiRefNet") -> None:
    """Turn weights for patches as (column, row, colour) into weights for (colour, row, column), in place."""
    for conv in net.reconstruction.patch_convolutions():
        conv.weight.data = _reordered(conv.weight.data)


def find_patch_order(net: "BiRefNet") -> FoundOrder:
    """Judge the order that a network's weights are in; they are the same afterwards.

    The filters are asked first (:mod:`birefnet_video.model.patch_filters`), which takes 10 ms for ``swin_v1_l``. If
    they are sure of one order, that is all. Otherwise the network runs on known pictures
    (:mod:`birefnet_video.model.patch_pictures`), which takes up to eight forward passes at 512 x 512:

    - filters with a sure lead in both orders belong to a network that was trained in one and then in the other, as
      fine-tunes of old weights with new code are; what it does counts, and that is what the pictures show;
    - filters without a sure lead belong to a network that has hardly learned; the pictures decide. If they contradict
      a lead that is not sure, the filters count: thousands of weights are less often wrong together than four
      pictures.

    Without an answer it is undecidable.

    Args:
        net: in evaluation mode, its weights as they lie in the file. If it is not on the CPU, it comes there for the
            pictures and goes back.
    """
    leads = neighbour_leads(net.reconstruction.patch_convolutions())
    words, sure = _describe(leads), _sure_orders(leads)
    if len(sure) == 1:
        return FoundOrder(sure[0], words)
    pictures = _ask(net)
    if sure:
        words = f"{words}, so it was trained in both; {pictures.words}"
        return FoundOrder(pictures.order or "undecidable", words)
    leaning = _orders_from(leads, _LEANS)
    if pictures.order is None:
        return FoundOrder("undecidable", f"{words}, which is not enough; {pictures.words}")
    if len(leaning) == 1 and pictures.order not in leaning:
        words = f"{words}; {pictures.words}, which contradicts that, and filters are less often wrong"
        return FoundOrder(leaning[0], words)
    return FoundOrder(pictures.order, f"{words}; {pictures.words}")


def filters_object(net: "BiRefNet") -> str:
    """Why a network that was loaded should have been read in the other order; nothing, if its filters do not say so.

    Args:
        net: its weights in the current order, as loading leaves them.
    """
    leads = neighbour_leads(net.reconstruction.patch_convolutions())
    return f"as it is read, {_describe(leads)}" if _sure_orders(leads) == ["legacy"] else ""


def _sure_orders(leads: dict[PatchOrder, Lead]) -> list[PatchOrder]:
    most = max(lead.likeness for lead in leads.values())
    return [order for order in _orders_from(leads, _SURE) if leads[order].likeness >= _BESIDE * most]


def _orders_from(leads: dict[PatchOrder, Lead], errors: float) -> list[PatchOrder]:
    return [order for order, lead in leads.items() if lead.errors >= errors]


def _describe(leads: dict[PatchOrder, Lead]) -> str:
    def words(order: PatchOrder) -> str:
        # Nought has no sign.
        return f"{round(leads[order].likeness, 2) + 0.0:.2f}"

    return (
        f"filters of neighbouring pixels are {words('current')} more alike than others as current "
        f"({leads['current'].errors:.0f} standard errors), {words('legacy')} as legacy ({leads['legacy'].errors:.0f})"
    )


def _ask(net: "BiRefNet") -> Verdict:
    def as_legacy(x: Tensor) -> Tensor:
        with _in_legacy_order(net):
            return net(x)

    # Other devices round in other ways, and edges differ by little.
    with _at_home(net):
        return ask_pictures(net, as_legacy)


@contextmanager
def _at_home(net: "BiRefNet") -> Iterator[None]:
    """The network on the CPU."""
    device = next(net.parameters()).device
    net.to("cpu")
    try:
        yield
    finally:
        net.to(device)


@contextmanager
def _in_legacy_order(net: "BiRefNet") -> Iterator[None]:
    """The network with its weights read as of the legacy order."""
    convolutions = net.reconstruction.patch_convolutions()
    kept = [conv.weight.data for conv in convolutions]
    reorder_patches(net)
    try:
        yield
    finally:
        for conv, weight in zip(convolutions, kept, strict=True):
            conv.weight.data = weight


def _reordered(weight: Tensor) -> Tensor:
    out_channels, in_channels, *kernel = weight.shape
    side = round((in_channels // 3) ** 0.5)
    packed = weight.view(out_channels, side, side, 3, *kernel)
    return packed.permute(0, 3, 2, 1, 4, 5).reshape(weight.shape).contiguous()
