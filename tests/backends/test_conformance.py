"""Every backend keeps the same promises."""

from pathlib import Path

import numpy as np
import pytest

from birefnet_video.backends.base import BackendInfo, MattingBackend
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.calibration import Calibration
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable, CheckpointError
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.known import known_models
from birefnet_video.zoo.sizes import input_size

SIZE = (64, 96)
BATCH_SIZE = 3
#: Largest change of alpha against plain PyTorch; ten times the mean.
_MOST_ERROR = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.3}


def load(engine: str, precision: str, cache: Path) -> MattingBackend:
    spec = BackendSpec(size=SIZE, batch_size=BATCH_SIZE, device="cpu", engine=engine, precision=precision)  # type: ignore[arg-type]
    calibration = Calibration("test pictures", "0", lambda size: list(pictures(2))) if precision == "int8" else None
    return load_backend(spec, 96, 64, cache=EngineCache(cache), calibration=calibration)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def eager(cache: Path) -> MattingBackend:
    return load("eager", "fp32", cache)


@pytest.fixture(
    scope="module",
    params=["stub", "eager fp32", "eager bf16", "openvino fp32", "openvino int8", "onnx fp32", "compile fp32"],
)
def backend(request: pytest.FixtureRequest, cache: Path) -> MattingBackend:
    """All backends that run on a CPU. What ends one stands last in this file."""
    if request.param == "stub":
        return StubBackend(BackendInfo("stub", "stub", "cpu", "none", SIZE, BATCH_SIZE))
    return load(*request.param.split(), cache)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 2, BATCH_SIZE])
def test_one_matte_for_each_picture(backend: MattingBackend, count: int) -> None:
    alpha = backend.infer(pictures(count))
    assert alpha.shape == (count, *SIZE) and alpha.dtype == np.float32
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_a_matte_does_not_depend_on_its_batch(backend: MattingBackend) -> None:
    together = backend.infer(pictures(3))
    alone = np.concatenate([backend.infer(picture[None]) for picture in pictures(3)])
    # Kernels that a library picks for one size of batch add up in another order than those for another. In bfloat16 a
    # logit may so be rounded to its neighbour, 2**-6 away between 2 and 4, where alpha changes by a tenth of that.
    assert np.abs(together - alone).max() < (2e-3 if backend.info.precision == "bf16" else 1e-4)


def test_the_same_picture_gives_the_same_matte(backend: MattingBackend) -> None:
    assert np.array_equal(backend.infer(pictures(2)), backend.infer(pictures(2)))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((BATCH_SIZE + 1, *SIZE, 3), np.uint8),
        np.zeros((0, *SIZE, 3), np.uint8),
        np.zeros((1, *SIZE, 3), np.float32),
        np.zeros((*SIZE, 3), np.uint8),
    ],
    ids=["size", "too many", "none", "type", "no batch"],
)
def test_what_does_not_fit_is_refused(backend: MattingBackend, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        backend.infer(wrong)


def test_what_runs_is_described(backend: MattingBackend) -> None:
    words = backend.info.describe()
    assert "96x64" in words and "cpu" in words and f"batch {BATCH_SIZE}" in words


def test_says_what_eager_says(backend: MattingBackend, eager: MattingBackend) -> None:
    if backend.info.name == "stub":
        pytest.skip("has no network")
    error = np.abs(backend.infer(pictures(3)) - eager.infer(pictures(3)))
    assert error.max() <= _MOST_ERROR[backend.info.precision], backend.info.describe()
    assert error.mean() <= _MOST_ERROR[backend.info.precision] / 10


def test_begun_batches_come_back_in_order(backend: MattingBackend) -> None:
    batches = [pictures(3)[:2], pictures(3)[1:]]
    begun = [backend.begin(batch) for batch in batches]
    for batch, result in zip(batches, begun, strict=True):
        assert np.abs(result() - backend.infer(batch)).max() < 1e-4


def test_closing_twice_is_fine(backend: MattingBackend) -> None:
    backend.close()
    backend.close()
    assert backend.info.input_size == SIZE
    if backend.info.name != "stub":
        with pytest.raises(ValueError, match="closed"):
            backend.infer(pictures(1))


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["eager", "cudagraph", "compile", "tensorrt"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_cuda_agrees_with_the_cpu(engine: str, precision: str, cache: Path) -> None:
    spec = BackendSpec(size=SIZE, batch_size=BATCH_SIZE, device="cuda", engine=engine, precision=precision)  # type: ignore[arg-type]
    try:
        on_gpu = load_backend(spec, 96, 64, cache=EngineCache(cache))
    except BackendUnavailable as error:
        assert engine == "tensorrt", error
        pytest.skip(str(error))
    error = np.abs(on_gpu.infer(pictures(3)) - load("eager", "fp32", cache).infer(pictures(3)))
    assert error.max() < (2e-3 if precision == "fp32" else 0.05)


def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(BackendUnavailable, match="cuda:77"):
        load_backend(BackendSpec(device="cuda:77"), 96, 64)


def test_weights_that_are_not_here_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"178 MB, MIT.*birefnet-video models pull lite"):
        weights_path("lite")


@pytest.mark.parametrize("name", known_models())
@pytest.mark.parametrize("shape", [(1920, 1080), (1080, 1920), (161, 91), (16, 16), (4000, 40)])
def test_input_sizes_fit_the_network(name: str, shape: tuple[int, int]) -> None:
    height, width = input_size(name, *shape)
    assert height % 32 == width % 32 == 0
    assert min(height, width) >= 64 and max(height, width) <= 2560
