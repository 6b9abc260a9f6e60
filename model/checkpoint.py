"""Reading and writing weights."""

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.config import BiRefNetConfig
from birefnet_video.model.nobg_names import from_nobg, is_nobg
from birefnet_video.model.official import is_derived, read_architecture, strip_wrappers, to_official, to_ours
from birefnet_video.model.patch_filters import PatchOrder
from birefnet_video.model.patch_order import FoundOrder, find_patch_order, reorder_patches
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from birefnet_video.errors import CheckpointError

#: What torch's unpickler raises on bytes that are no pickle is whatever its next step stumbles over.
_UNREADABLE = (
    OSError,
    SafetensorError,
    pickle.UnpicklingError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
#: What modules fill their weights by, beside the functions of torch.nn.init, and shape them by afterwards.
_RANDOM = (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_)
_SHAPING = (Tensor.mul_, Tensor.add_, Tensor.clamp_, Tensor.zero_, Tensor.fill_)
_CONFIG_KEY = "birefnet_video.config"
_SIZES_KEY = "birefnet_video.sizes"
_ORDER_KEY = "birefnet_video.patch_order"


def load_checkpoint(
    path: str | Path, *, patch_order: PatchOrder | Literal["auto"] = "auto", device: str = "cpu"
) -> BiRefNet:
    """Build the network of a checkpoint, with its weights, in evaluation mode and float32.

    Args:
        path: official ``.safetensors`` or ``.pth``, one of the nobg library (FeyNobg), or a file written by
            :func:`save_checkpoint`.
        patch_order: how the file's inward references pack patches. ``"current"``: since November 2024;
            ``"legacy"``: before; ``"auto"``: as the file says, or else judged by its weights
            (:func:`birefnet_video.model.patch_order.find_patch_order`). ``net.patch_order`` holds what was taken and
            ``net.patch_order_note`` why, in words. The weights are normalised, so the network is the same afterwards.
        device: where the network is to lie. Each tensor goes there from the file as it is read: the CPU's memory holds
            no copy of the network then.

    Raises:
        CheckpointError: if the file is missing or not readable, if its architecture is unknown or from before
            May 2024, or if a key is missing or unexpected; every such key is named.
        RuntimeError: if ``device`` does not work or has no room.
    """
    path = Path(path)
    # A file that is mapped is read when its tensors are copied to the device.
    weights, config, said = _read(path, mapped=device != "cpu" and zipfile.is_zipfile(path))
    names = None
    try:
        if config is None and is_nobg(weights):
            weights = from_nobg(weights)
            names = "the file has the nobg library's names; these are the official ones"
        if config is None:
            config = read_architecture(weights)
            weights = {to_ours(key, config.backbone): value for key, value in weights.items() if not is_derived(key)}
        with _Unfilled():
            empty = BiRefNet(config)
        net = _fill(empty, weights, device)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error.message}", hint=error.hint or names) from None
    net.eval()
    if patch_order != "auto":
        net.patch_order = FoundOrder(patch_order, "as was asked for", is_judged=False)
    elif said is not None:
        net.patch_order = FoundOrder(said, "as its file says", is_judged=False)
    elif names is not None:
        net.patch_order = FoundOrder("current", "the nobg library knows no other", is_judged=False)
    else:
        net.patch_order = find_patch_order(net)
    if net.patch_order.taken == "legacy":
        reorder_patches(net)
    return net


def save_checkpoint(
    net: BiRefNet,
    path: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    sizes: Sequence[tuple[int, int]] = (),
) -> None:
    """Write ``.safetensors`` under the official names, with the configuration and the patch order in the header.

    Args:
        net: the network.
        path: where to write.
        dtype: precision of the floating-point entries in the file.
        sizes: heights and widths that it was trained at; :func:`trained_sizes` reads them.
    """
    weights = {
        to_official(key, net.config.backbone): value.detach().to(dtype if value.is_floating_point() else value.dtype)
        for key, value in net.state_dict().items()
    }
    contiguous = {key: value.cpu().contiguous() for key, value in weights.items()}
    # A network here has its patches in the current order, whatever its own file had.
    metadata = {_CONFIG_KEY: json.dumps(asdict(net.config)), _ORDER_KEY: "current"}
    if sizes:
        metadata[_SIZES_KEY] = json.dumps([list(size) for size in sizes])
    save_file(contiguous, str(path), metadata=metadata)


def trained_sizes(path: Path) -> list[tuple[int, int]]:
    """Heights and widths that the network in a file was trained at, as far as the file says so."""
    try:
        with safe_open(str(path), framework="pt") as file:
            sizes = json.loads((file.metadata() or {}).get(_SIZES_KEY, "[]"))
    except _UNREADABLE:
        return []
    return [(int(height), int(width)) for height, width in sizes]


def _read(path: Path, *, mapped: bool) -> tuple[dict[str, Tensor], BiRefNetConfig | None, PatchOrder | None]:
    """Weights without wrapper prefixes; under our names and with a configuration if the file carries one.

    Args:
        path: of the file.
        mapped: memory of a ``.pth`` is the file's own, as that of ``.safetensors`` always is.

    Returns:
        weights, configuration and patch order, the last two as far as the file says so.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        else:
            metadata, weights = {}, _unwrap(torch.load(path, map_location="cpu", weights_only=True, mmap=mapped))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read as weights: {reason}") from None
    names = strip_wrappers(weights)
    weights = {names[key]: value for key, value in weights.items()}
    said = metadata.get(_ORDER_KEY)
    order: PatchOrder | None = "current" if said == "current" else "legacy" if said == "legacy" else None
    if _CONFIG_KEY not in metadata:
        return weights, None, order
    config = _read_config(metadata[_CONFIG_KEY])
    return {to_ours(key, config.backbone): value for key, value in weights.items()}, config, order


def _unwrap(loaded: object) -> dict[str, Tensor]:
    """The weights in what a ``.pth`` held: themselves, or under ``state_dict`` or ``model``."""
    for name in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ValueError("it holds no mapping from names to tensors")
    return dict(loaded)


def _read_config(text: str) -> BiRefNetConfig:
    fields: dict[str, Any] = json.loads(text)
    fields |= {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return BiRefNetConfig(**fields)


def _fill(net: BiRefNet, weights: dict[str, Tensor], device: str) -> BiRefNet:
    """Load strictly, on a device; names in errors are those of the file."""
    own = net.state_dict()
    backbone = net.config.backbone
    missing = [to_official(key, backbone) for key in own if key not in weights]
    unexpected = [to_official(key, backbone) for key in weights if key not in own]
    shapes = [
        f"{to_official(key, backbone)} is {tuple(value.shape)}, expected {tuple(own[key].shape)}"
        for key, value in weights.items()
        if key in own and value.shape != own[key].shape
    ]
    problems = [
        f"{len(names)} {what}: {', '.join(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise CheckpointError(f"its keys do not fit {backbone}: {'; '.join(problems)}")
    # On the CPU the file's own memory where it has the right type, elsewhere one copy: nothing is copied twice.
    there = {key: value.to(device).to(own[key].dtype) for key, value in weights.items()}
    net.load_state_dict(there, strict=True, assign=True)
    # What files do not hold follows.
    return net.to(device)


class _Unfilled(TorchFunctionMode):
    """Modules are made without random numbers, which take longer than reading a file and are replaced by it.

    Memory of weights is not touched, so the system does not have to find any for them.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _RANDOM or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else named["tensor"]
        # Not of buffers: a file need not hold those.
        if func in _SHAPING and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **named)
