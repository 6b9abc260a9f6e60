"""What keeps operators from being captured as a CUDA graph: waiting for the device, and what comes from the host."""

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Operators whose result the host reads, whose shape depends on values, or that bring a host's value to a tensor.
WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique_dim",
    "_unique2",
    "repeat_interleave.Tensor",
    "equal",
    "lift_fresh",
    "lift",
    "is_nonzero",
    "pin_memory",
}


class Seen(TorchDispatchMode):
    """Notes operators that cannot be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), keywords: dict[str, Any] | None = None
    ) -> Any:
        result = function(*arguments, **(keywords or {}))
        self.count += 1
        name = str(function).removeprefix("aten.")
        devices = {leaf.device.type for leaf in tree_leaves((arguments, keywords, result)) if isinstance(leaf, Tensor)}
        if name.removesuffix(".default") in WAITING or len(devices) > 1 or devices == {"cpu"}:
            self.bad.append(f"{name} on {devices}")
        return result
