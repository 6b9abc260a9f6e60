"""How much faster each engine is than the published network in plain PyTorch, and how far its mattes are from it.

The baseline is the same weights in float32, eager, with torchvision's deformable convolution, as the reference runs.
All take turns in one run; the figure is the ratio of medians. Networks without weights here get random ones, with
offsets that are not nought.

    python benchmarks/engines.py swin_v1_t --size 512 512
    python benchmarks/engines.py tiny --size 288 512 --rounds 15 --compile --calibration PICTURES
    python benchmarks/engines.py tiny --size 288 512 --batch-size 4
    python benchmarks/engines.py swin_v1_l --size 1024 1024 --device cuda
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from birefnet_video.model import PRESETS, BiRefNet, load_checkpoint, save_checkpoint
from birefnet_video.model.deform import DeformableConv2d, deform_conv2d
from birefnet_video.model.evidence import read_evidence
from birefnet_video.model.preprocess import preprocess
from torch import Tensor, nn

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.calibration import calibration_of
from birefnet_video.backends.engine import Request
from birefnet_video.backends.engine_table import ENGINES, check_engine
from birefnet_video.backends.lazy_network import LazyNetwork
from birefnet_video.errors import BackendUnavailable
from birefnet_video.zoo.files import weights_path

#: Marks what computes two batches at once, as the pipeline lets it.
_TWO = ", two at once"


class AsPublished(nn.Module):
    """A deformable convolution computed by torchvision."""

    def __init__(self, conv: DeformableConv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W)."""
        conv = self.conv
        mask = 2 * torch.sigmoid(conv.modulator(x))
        weight = conv.regular.weight
        return deform_conv2d(x, conv.offset(x), weight, mask, padding=conv.padding, implementation="torchvision")


def network(name: str) -> BiRefNet:
    """The bundled network with its weights, others with random ones."""
    if name == "tiny":
        return load_checkpoint(weights_path("tiny"), patch_order="current")
    torch.manual_seed(0)
    net = BiRefNet(PRESETS[name]).eval()
    for key, parameter in net.named_parameters():
        if ".offset." in key or ".modulator." in key:
            nn.init.normal_(parameter, 0, 0.02)
    return net


def published(net: BiRefNet) -> BiRefNet:
    """``net`` with torchvision's operator, changed in place."""
    for name, module in list(net.named_modules()):
        if isinstance(module, DeformableConv2d):
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, AsPublished(module))
    return net


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", default="swin_v1_t")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512), help="height and width")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile too, which takes minutes")
    parser.add_argument("--calibration", type=Path, help="folder of pictures or a video: int8 too")
    parser.add_argument("--half-baseline", action="store_true", help="baseline in float16, as on GPUs")
    options = parser.parse_args()
    size, device = tuple(options.size), options.device
    net = network(options.architecture)
    picture = preprocess(read_evidence()[0], size)
    x = torch.stack([picture.roll(37 * index, 2) for index in range(options.batch_size)]).to(device)
    x = x.contiguous(memory_format=torch.channels_last)
    baseline = published(network(options.architecture)).to(device)
    with torch.inference_mode():
        expected = torch.sigmoid(baseline(x)).cpu()
        runs: dict[str, Callable[[], Tensor]] = {"published, eager fp32": lambda: baseline(x)}
        if options.half_baseline:
            half = published(network(options.architecture)).to(device)

            def run_half() -> Tensor:
                with torch.autocast("cuda", torch.float16):
                    return half(x[:1])

            runs = {"published, eager fp16, batch 1": run_half}
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / "net.safetensors"
            save_checkpoint(net, weights)
            info = BackendInfo("", options.architecture, device, "", size, options.batch_size)
            calibration = None if options.calibration is None else calibration_of(options.calibration)
            lazy, cache = LazyNetwork(lambda device: deepcopy(net), note=None), EngineCache(Path(folder) / "cache")
            request = Request(lazy, info, weights, cache, print, calibration)
            for name, engine in ENGINES.items():
                if name == "compile" and not options.compile:
                    continue
                for precision in engine.precisions.get(device.split(":")[0], ()):
                    _add(runs, request, name, precision, x)
            measure(runs, expected, options.rounds, len(x))


def _add(runs: dict[str, Callable[[], Tensor]], request: Request, name: str, precision: str, x: Tensor) -> None:
    from importlib import import_module

    try:
        check_engine(name, request.info.device, precision)
        module = import_module(f"birefnet_video.backends.engines.{ENGINES[name].module}")
        info = replace(request.info, name=name, precision=precision)
        prepared = module.prepare(replace(request, info=info))
    except BackendUnavailable as error:
        print(f"{name} {precision}: {error}")
        return
    start = prepared.start
    if start is None:
        runs[f"{name} {precision}"] = lambda: prepared.run(x)
        return

    def run_two() -> Tensor:
        first, second = start(x), start(x)
        first()
        return second()

    runs[f"{name} {precision}{_TWO}"] = run_two


def measure(runs: dict[str, Callable[[], Tensor]], expected: Tensor, rounds: int, batch: int) -> None:
    """Run all in turn and print."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    errors = {}
    for name, run in runs.items():
        error = (torch.sigmoid(run().float()).cpu() - expected[: 1 if "batch 1" in name else None]).abs()
        errors[name] = f"{error.mean():.1e} | {(error > 0.02).float().mean():.2%}"
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run().cpu()
            count = 1 if "batch 1" in name else 2 * batch if name.endswith(_TWO) else batch
            seconds[name].append((time.perf_counter() - began) / count)
    base = statistics.median(next(iter(seconds.values())))
    print("| engine | ms a picture | times the baseline | mean change of alpha | by more than 0.02 |")
    print("|---|---|---|---|---|")
    for name, spent in seconds.items():
        middle = statistics.median(spent)
        print(f"| {name} | {1000 * middle:.0f} | {base / middle:.2f} | {errors[name]} |")


if __name__ == "__main__":
    main()
