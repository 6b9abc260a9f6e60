"""``TRITON_INTERPRET=1 python interpreted_norms.py``: the kernels between matrix products against PyTorch's operators.

Prints the greatest error of each case.
"""

import sys

import torch
from birefnet_video.model.norm_triton import add_norm, bias_gelu_
from torch.nn import functional as F


def main() -> None:
    torch.manual_seed(0)
    for shape, dtype in (
        ((2, 3, 5, 96), torch.float32),
        ((1, 1, 1, 768), torch.float32),
        ((1, 7, 3, 17), torch.float32),
        ((1, 2, 3, 5000), torch.float32),
        ((2, 3, 5, 96), torch.float16),
        ((1, 4, 4, 1536), torch.float16),
    ):
        x, change = (torch.randn(shape).mul(3).add(1).to(dtype) for _ in range(2))
        weight, bias = (torch.randn(shape[-1]).to(dtype) for _ in range(2))
        total = x + change
        normed = F.layer_norm(total.float(), shape[-1:], weight.float(), bias.float(), 1e-5)
        bent = F.gelu(x.float() + bias.float())
        found = (*add_norm(x, change, weight, bias, 1e-5), bias_gelu_(x.clone(), bias))
        exact = torch.equal(found[0], total)
        errors = [(a.float() - b.float()).abs().max().item() for a, b in zip(found[1:], (normed, bent), strict=True)]
        print(dtype, shape, *(f"{error:.1e}" for error in errors), flush=True)
        if not exact or not max(errors) <= (1e-5 if dtype == torch.float32 else 1e-2) or found[1].dtype != dtype:
            sys.exit(1)


if __name__ == "__main__":
    main()
