"""From a model's name or path to its network."""

from typing import TYPE_CHECKING

from birefnet_video.zoo.files import row_of, weights_path

if TYPE_CHECKING:
    from birefnet_video.model import BiRefNet


def load_network(model: str) -> "BiRefNet":
    """The network of a model, in evaluation mode, its patches in the order that the code has.

    Args:
        model: a name, or the path of a file.

    Raises:
        CheckpointError: if its weights are missing or not valid.
    """
    from birefnet_video.model.checkpoint import load_checkpoint

    path, row = weights_path(model), row_of(model)
    return load_checkpoint(path, patch_order=row.patch_order if row else "auto")
