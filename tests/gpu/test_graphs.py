"""CUDA graphs on a GPU: what is played is what the network says, whoever plays it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.registry import load_backend
from birefnet_video.options.network import BackendSpec

pytestmark = pytest.mark.gpu
SIZE = (96, 160)


def opened(engine: str, folder: Path, *, batch: int = 4, size: tuple[int, int] = SIZE) -> MattingBackend:
    told: list[str] = []
    spec = BackendSpec(device="cuda", engine=engine, precision="fp16", size=size, batch_size=batch)  # type: ignore[arg-type]
    backend = load_backend(spec, 160, 96, cache=EngineCache(folder), tell=told.append)
    assert not any("cannot be recorded" in text for text in told), told
    return backend


def pictures(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> MattingBackend:
    return opened("eager", tmp_path_factory.mktemp("eager"))


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> MattingBackend:
    return opened("cudagraph", tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize("count", [4, 3, 1, 2, 2, 4])
def test_every_batch_is_what_eager_says(eager: MattingBackend, graphs: MattingBackend, count: int) -> None:
    seen = pictures(count, seed=count)
    assert np.abs(graphs.infer(seen) - eager.infer(seen)).max() < 5e-3


def test_one_batch_does_not_overwrite_the_one_before(graphs: MattingBackend) -> None:
    batches = [pictures(4, seed) for seed in range(6)]
    alone = [graphs.infer(batch) for batch in batches]
    begun = [graphs.begin(batch) for batch in batches]
    for expected, pending in zip(alone, begun, strict=True):
        assert np.array_equal(pending(), expected)


def test_another_thread_plays_what_this_one_recorded(graphs: MattingBackend) -> None:
    expected = [graphs.infer(pictures(4, seed)) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        played = list(threads.map(lambda seed: graphs.infer(pictures(4, seed)), range(8)))
    assert all(np.array_equal(one, other) for one, other in zip(played, expected, strict=True))


def test_networks_of_several_sizes_are_open_at_once(tmp_path: Path) -> None:
    sizes = [(64, 64), (96, 160), (128, 128)]
    both = {size: (opened("cudagraph", tmp_path, size=size), opened("eager", tmp_path, size=size)) for size in sizes}
    for _ in range(2):
        for size, (graphs, eager) in both.items():
            seen = pictures(2, size=size)
            assert np.abs(graphs.infer(seen) - eager.infer(seen)).max() < 5e-3
    for graphs, eager in both.values():
        graphs.close()
        eager.close()
