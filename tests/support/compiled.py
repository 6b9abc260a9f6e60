"""``python compiled.py CAPABILITY DTYPE``: compile the Triton kernel for a GPU that need not be there.

Prints the shared memory that each configuration needs, in bytes. DTYPE is Triton's name of the features' type, such as
``fp16``.
"""

import sys
from collections.abc import Mapping
from typing import Any

import triton
from birefnet_video.model.deform_triton import OPTIONS, _kernel
from birefnet_video.model.deform_tuning import configurations
from birefnet_video.model.export import DTYPES
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

WARP = 32


def compiled(
    kernel: Any, capability: str, types: Mapping[str, str], constants: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    """A kernel for a compute capability such as ``86``; arguments without a type are ``i32``."""
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", int(capability), WARP), options=options)


def main(capability: str, dtype: str) -> None:
    types = dict.fromkeys(("table", "kernel", "shift", "out"), f"*{dtype}")
    types |= dict.fromkeys(("rows", "columns", "strengths"), "*fp32")
    for each in configurations(DTYPES[dtype], 256):
        blocks = each._asdict()
        options = OPTIONS | {"num_warps": blocks.pop("num_warps")}
        constants = {"has_strengths": True, "has_shift": True, **blocks}
        print(compiled(_kernel, capability, types, constants, options).metadata.shared)


if __name__ == "__main__":
    main(*sys.argv[1:])
