"""``python compiled.py CAPABILITY DTYPE``: compile the Triton kernel for a GPU that need not be there.

Prints the shared memory that it needs, in bytes. DTYPE is Triton's name of the features' type, such as ``fp16``.
"""

import sys

import triton
from birefnet_video.model.deform_triton import BLOCKS, OPTIONS, _kernel
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

WARP = 32


def main(capability: str, dtype: str) -> None:
    types = dict.fromkeys(("table", "kernel", "shift", "out"), f"*{dtype}")
    types |= dict.fromkeys(("rows", "columns", "strengths"), "*fp32")
    constants = {"has_strengths": True, "has_shift": True, **BLOCKS}
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in _kernel.arg_names}
    source = ASTSource(fn=_kernel, signature=signature, constexprs=constants)
    made = triton.compile(source, target=GPUTarget("cuda", int(capability), WARP), options=OPTIONS)
    print(made.metadata.shared)


if __name__ == "__main__":
    main(*sys.argv[1:])
