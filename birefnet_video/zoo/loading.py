"""From a model's name or path to its network."""

from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.options.network import PatchOrderName
from birefnet_video.zoo.files import row_of, weights_path

if TYPE_CHECKING:
    from birefnet_video.model import BiRefNet


def load_network(model: str, patch_order: PatchOrderName = "auto", device: str = "cpu") -> "BiRefNet":
    """The network of a model, in evaluation mode, its patches in the order that the code has.

    Args:
        model: a name, or the path of a file.
        patch_order: how its weights pack patches; auto: as is known of the model, and for files as they say or show.
        device: where it is to lie; see :func:`birefnet_video.model.load_checkpoint`.

    Raises:
        CheckpointError: if its weights are missing or not valid.
        RuntimeError: if ``device`` does not work or has no room.
    """
    from birefnet_video.model.checkpoint import load_checkpoint

    return load_checkpoint(weights_path(model), patch_order=patch_order_of(model, patch_order), device=device)


def patch_order_of(model: str, patch_order: PatchOrderName = "auto") -> PatchOrderName:
    """How the weights of a model pack patches: as asked for, or else as is known of its name or its bytes."""
    if patch_order != "auto":
        return patch_order
    row = row_of(model)
    return row.patch_order if row is not None else "auto"


def judged_order(net: "BiRefNet", model: str) -> str:
    """What its weights have shown of their patch order, in words with the file's name; nothing if it was known.

    Args:
        net: as :func:`load_network` gave it.
        model: that it was loaded from.
    """
    if net.patch_order is None:
        return ""
    name = Path(model).name
    if net.patch_order.is_judged:
        return f"{name}: {net.patch_order.words}"
    from birefnet_video.model.patch_order import filters_object

    row = row_of(model)
    if row is not None and row.patch_order == net.patch_order.order and (objection := filters_object(net)):
        return f"{name}: read in the {row.patch_order} patch order ({row.because}), but {objection}: try --patch-order"
    return ""
