"""Where a network's time goes, as published and as it runs here: shares of operators, one thread on a CPU.

python benchmarks/profile_network.py swin_v1_t --size 512 512
"""

import argparse

import torch
from birefnet_video.model.export import prepare_network
from engines import network, published
from torch.profiler import ProfilerActivity, profile

_SHOWN = 9


def shares(run: torch.nn.Module, x: torch.Tensor) -> tuple[float, list[tuple[str, float]]]:
    """Seconds, and the operators that take most of them with their shares."""
    with torch.inference_mode():
        run(x)
        with profile(activities=[ProfilerActivity.CPU]) as result:
            run(x)
    events = sorted(result.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    return total / 1e6, [(event.key, event.self_cpu_time_total / total) for event in events[:_SHOWN]]


def main() -> None:
    """Print a table a variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", default="swin_v1_t")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512), help="height and width")
    options = parser.parse_args()
    torch.set_num_threads(1)
    x = torch.randn(1, 3, *options.size).contiguous(memory_format=torch.channels_last)
    net = network(options.architecture)
    variants = {f"here, {name}": prepare_network(net, name) for name in ("fp32", "bf16")}
    variants = {"as published": published(network(options.architecture)), **variants}
    for name, variant in variants.items():
        seconds, rows = shares(variant.to(memory_format=torch.channels_last), x)
        words = ", ".join(
            f"{key.removeprefix('aten::').removeprefix('torchvision::')} {share:.0%}" for key, share in rows
        )
        print(f"- {name}, {seconds:.2f} s: {words}", flush=True)


if __name__ == "__main__":
    main()
