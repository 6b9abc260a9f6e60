"""How much faster each network is after `optimize`, and by how much its logits change; both run in turn.

python benchmarks/rewrites.py [tiny] [swin_v1_t ...] --size 512 512
"""

import argparse
import time

import torch
from birefnet_video.model import BiRefNet, BiRefNetConfig, load_checkpoint
from birefnet_video.model.optimize import optimize

from birefnet_video.models import weights_path


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", default=["tiny"])
    parser.add_argument("--size", type=int, nargs=2, default=(288, 512), help="height and width")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    print("| network | before, ms | after, ms | ratio | greatest change of a logit |\n|---|---|---|---|---|")
    for name in options.architectures:
        torch.manual_seed(0)
        if name == "tiny":
            net = load_checkpoint(weights_path("tiny"), patch_order="current")
        else:
            net = BiRefNet(BiRefNetConfig(backbone=name)).eval()
        nets = [module.to(memory_format=torch.channels_last) for module in (net, optimize(net))]
        x = torch.randn(1, 3, *options.size)
        times: list[list[float]] = [[], []]
        with torch.inference_mode():
            change = (nets[0](x) - nets[1](x)).abs().max().item()
            for _ in range(options.rounds):
                for module, spent in zip(nets, times, strict=True):
                    began = time.perf_counter()
                    module(x)
                    spent.append(time.perf_counter() - began)
        before, after = (1000 * sorted(spent)[len(spent) // 2] for spent in times)
        print(f"| {name} | {before:.0f} | {after:.0f} | {before / after:.2f} | {change:.1e} |", flush=True)


if __name__ == "__main__":
    main()
