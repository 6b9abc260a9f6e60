"""How many frames at once are fastest: pictures a second of an engine by batch size, all in turns in one run.

python benchmarks/batch.py tiny --engines eager openvino
python benchmarks/batch.py swin_l.safetensors --size 1024 1024 --device cuda --engines eager --batches 1 4 8 16
"""

import argparse
import statistics
import time

import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.sizes import input_size

#: Batches that are begun before the clock stops: engines may have two on their way.
_AHEAD = 2


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="tiny")
    parser.add_argument("--size", type=int, nargs=2, help="height and width")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--engines", nargs="+", default=["eager", "openvino"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    size = tuple(options.size) if options.size else input_size(options.model, 1920, 1080)
    rng = np.random.default_rng(0)
    print(f"| engine | {' | '.join(f'batch {count}' for count in options.batches)} |")
    print("|---" * (len(options.batches) + 1) + "|")
    for engine in options.engines:
        spec = {"model": options.model, "size": size, "device": options.device, "engine": engine, "precision": "fp32"}
        backends = {count: load_backend(BackendSpec(batch_size=count, **spec), 1920, 1080) for count in options.batches}
        seconds: dict[int, list[float]] = {count: [] for count in options.batches}
        for _ in range(options.rounds + 1):
            for count, backend in backends.items():
                pictures = rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)
                seconds[count].append(_time(backend, pictures))
        rates = [1 / statistics.median(seconds[count][1:]) for count in options.batches]
        print(f"| {engine} | {' | '.join(f'{rate:.1f} ({rate / rates[0]:.2f})' for rate in rates)} |")
        for backend in backends.values():
            backend.close()


def _time(backend: MattingBackend, pictures: np.ndarray) -> float:
    """Seconds a picture."""
    began = time.perf_counter()
    for result in [backend.begin(pictures) for _ in range(_AHEAD)]:
        result()
    return (time.perf_counter() - began) / (_AHEAD * len(pictures))


if __name__ == "__main__":
    main()
