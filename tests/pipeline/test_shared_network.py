"""A network stays open for the next render where that would load the very same."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from clips import make_clip
from stubs import INFO

from birefnet_video.backends.engine_table import worth_building
from birefnet_video.backends.stub import StubBackend
from birefnet_video.inputs.probe import probe
from birefnet_video.options.network import BackendSpec
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.types import MediaInfo


class Loader:
    """Counts what is loaded and what is closed."""

    def __init__(self) -> None:
        self.loaded: list[BackendSpec] = []
        self.closed = 0
        self.tells: list[object] = []

    def __call__(self, spec: BackendSpec, info: MediaInfo, tell: object) -> StubBackend:
        self.loaded.append(spec)
        self.tells.append(tell)
        backend = StubBackend(INFO)
        close = backend.close

        def counted() -> None:
            self.closed += 1
            close()

        backend.close = counted  # type: ignore[method-assign]
        return backend


@pytest.fixture(scope="module")
def infos(tmp_path_factory: pytest.TempPathFactory) -> list[MediaInfo]:
    folder = tmp_path_factory.mktemp("clips")
    return [probe(make_clip(folder / f"{frames}.mp4", frames=frames)) for frames in (3, 5)]


def test_the_same_network_is_loaded_once_and_closed_at_the_end(infos: list[MediaInfo]) -> None:
    loader = Loader()
    network = SharedNetwork(loader)
    spec = BackendSpec(engine="eager")
    for info in (*infos, *infos):
        lent = network.open(spec, info, lambda message: None)
        assert lent.info == INFO and lent.infer(np.zeros((1, 96, 160, 3), np.uint8)).shape == (1, 96, 160)
        assert lent.begin(np.zeros((1, 96, 160, 3), np.uint8))().shape == (1, 96, 160)
        lent.close()
        network.settle(failed=False)
    assert len(loader.loaded) == 1 and loader.closed == 0
    network.close()
    network.close()
    assert loader.closed == 1


def test_another_network_is_loaded_and_the_one_that_rested_longest_is_closed(infos: list[MediaInfo]) -> None:
    loader = Loader()
    network = SharedNetwork(loader, most=2)
    for size, loaded, closed in ((64, 1, 0), (96, 2, 0), (64, 2, 0), (128, 3, 1), (64, 3, 1), (96, 4, 2)):
        network.open(BackendSpec(engine="eager", size=size), infos[0], lambda message: None)
        assert (len(loader.loaded), loader.closed) == (loaded, closed)


def test_after_a_render_that_failed_its_network_is_loaded_anew(infos: list[MediaInfo]) -> None:
    loader = Loader()
    network = SharedNetwork(loader)
    spec = BackendSpec(engine="eager")
    network.open(spec, infos[0], lambda message: None)
    network.settle(failed=False)
    # That one did not come as far as a network.
    network.settle(failed=True)
    network.open(spec, infos[0], lambda message: None)
    assert len(loader.loaded) == 1
    network.settle(failed=True)
    assert loader.closed == 1
    network.open(spec, infos[0], lambda message: None)
    assert len(loader.loaded) == 2


def test_what_depends_on_the_clip_is_not_shared(infos: list[MediaInfo]) -> None:
    loader = Loader()
    network = SharedNetwork(loader, most=9)
    own, given = (BackendSpec(precision="int8", engine="openvino", calibration=path) for path in (None, Path("x")))
    for spec, loads in ((own, 2), (given, 1), (BackendSpec(engine="auto"), 1)):
        before = len(loader.loaded)
        for info in infos:
            network.open(spec, info, lambda message: None)
        assert len(loader.loaded) - before == loads
    # auto builds other engines for a long clip than for a short one.
    from dataclasses import replace

    network.open(BackendSpec(engine="auto"), replace(infos[0], frame_count=10**6), lambda message: None)
    assert loader.loaded[-1] == evolve(BackendSpec(), engine="auto") and len(loader.loaded) == 5
    assert set(worth_building(1)) < set(worth_building(10**6)) == set(worth_building(None))


def test_a_network_speaks_to_the_render_that_uses_it(infos: list[MediaInfo]) -> None:
    loader, first, second = Loader(), [], []  # type: ignore[var-annotated]
    network = SharedNetwork(loader)
    network.open(BackendSpec(), infos[0], first.append)
    network.open(BackendSpec(), infos[0], second.append)
    loader.tells[0]("no memory")  # type: ignore[operator]
    assert (first, second) == ([], ["no memory"])
