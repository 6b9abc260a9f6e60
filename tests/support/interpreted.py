"""``TRITON_INTERPRET=1 python interpreted.py``: the Triton kernel against grid_sample; prints the greatest error."""

import sys

import torch
from birefnet_video.model.deform import deform_conv2d


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    for n, c, o, h, w, k, dtype, with_mask in (
        (2, 5, 7, 9, 11, 3, torch.float32, True),
        (1, 40, 130, 6, 13, 1, torch.float32, False),
        (1, 33, 16, 10, 8, 7, torch.float32, True),
        (2, 32, 16, 8, 8, 3, torch.float16, True),
    ):
        x = torch.randn(n, c, h, w, generator=generator).to(dtype)
        offset = torch.randn(n, 2 * k * k, h, w, generator=generator) * 4
        offset[:, 0, 0, 0] = 1e9
        mask = torch.rand(n, k * k, h, w, generator=generator) if with_mask else None
        weight = torch.randn(o, c, k, k, generator=generator) / (c * k * k) ** 0.5
        bias = torch.randn(o, generator=generator) if with_mask else None
        results = [
            deform_conv2d(a, offset, weight, mask, bias, padding=k // 2, implementation=implementation)
            for a, implementation in ((x, "triton"), (x.float(), "grid_sample"))
        ]
        error = (results[0].float() - results[1]).abs().max().item()
        print(dtype, tuple(x.shape), f"{error:.1e}")
        if not error <= (1e-5 if dtype == torch.float32 else 5e-3) or results[0].dtype != dtype:
            sys.exit(1)


if __name__ == "__main__":
    main()
