"""``TRITON_INTERPRET=1 python interpreted.py``: the Triton kernel in each of its configurations against
grid_sample; prints the greatest errors."""

import sys

import torch
from birefnet_video.model.deform import _positions, deform_conv2d
from birefnet_video.model.deform_triton import sample_and_multiply
from birefnet_video.model.deform_tuning import configurations


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
        expected = deform_conv2d(x.float(), offset, weight, mask, bias, padding=k // 2, implementation="grid_sample")
        rows, columns = _positions(offset, k, k, 1, k // 2)
        for configuration in configurations(dtype, 256):
            found = sample_and_multiply(x, rows, columns, weight, mask, bias, configuration)
            error = (found.float() - expected).abs().max().item()
            print(dtype, tuple(x.shape), tuple(configuration), f"{error:.1e}")
            if not error <= (1e-5 if dtype == torch.float32 else 5e-3) or found.dtype != dtype:
                sys.exit(1)


if __name__ == "__main__":
    main()
