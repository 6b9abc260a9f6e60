"""Pictures as Python programs have them, and mattes as the same kind: numpy, PIL or torch."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from birefnet_video.pictures.picture import in_8_bits

#: An array, a PIL image or a tensor.
Picture = TypeVar("Picture")


def as_rgb(picture: Picture) -> tuple[np.ndarray, Callable[[np.ndarray], Picture]]:
    """What the network sees of a picture, and how its matte becomes one of the same kind.

    Args:
        picture: numpy (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16 or floats in [0, 1]; a PIL image; or a
            torch tensor (C, H, W) of 1, 3 or 4 channels, uint8 or floats in [0, 1]. Alpha is left out.

    Returns:
        uint8 (H, W, 3) RGB; and a function from alpha float32 (H, W) in [0, 1] to float32 (H, W) of numpy, an image of
        mode L, or a float32 tensor (1, H, W) on the same device.

    Raises:
        ValueError: if it is none of these; says what it is.
    """
    anything: Any = picture
    if isinstance(anything, np.ndarray):
        return _from_array(anything), lambda alpha: alpha  # type: ignore[return-value]
    if _is_of(anything, "PIL.Image", "Image"):
        return np.asarray(anything.convert("RGB")), _to_image
    if _is_of(anything, "torch", "Tensor"):
        return _from_tensor(anything), lambda alpha: _to_tensor(alpha, anything)
    raise ValueError(f"picture: expected a numpy array, a PIL image or a torch tensor, got {type(picture).__name__}")


def _is_of(value: object, module: str, name: str) -> bool:
    # Who has a value of a library has imported it: it is not loaded for the sake of a question.
    library = sys.modules.get(module)
    return library is not None and isinstance(value, getattr(library, name))


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise ValueError(f"picture: expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {array.shape}")
    colours = array[..., : min(array.shape[2], 3)]
    if colours.dtype.kind == "f":
        colours = (np.clip(np.nan_to_num(colours), 0, 1) * 255 + 0.5).astype(np.uint8)
    elif colours.dtype == np.uint16:
        colours = in_8_bits(colours)
    elif colours.dtype != np.uint8:
        raise ValueError(f"picture: expected uint8, uint16 or floats in [0, 1], got {colours.dtype}")
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def _from_tensor(tensor: Any) -> np.ndarray:
    if tensor.ndim != 3:
        raise ValueError(f"picture: expected a tensor (C, H, W), got {tuple(tensor.shape)}")
    values = tensor.detach().cpu()
    return _from_array((values.float() if values.is_floating_point() else values).permute(1, 2, 0).numpy())


def _to_image(alpha: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray((alpha * 255 + 0.5).astype(np.uint8))


def _to_tensor(alpha: np.ndarray, like: Any) -> Any:
    torch = sys.modules["torch"]
    return torch.from_numpy(np.ascontiguousarray(alpha))[None].to(like.device)  # type: ignore[attr-defined]
