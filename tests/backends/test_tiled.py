"""A network in tiles says what it says in one piece, without seams, at a share of the work."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from stubs import INFO

from birefnet_video.backends import registry
from birefnet_video.backends.stub import StubBackend
from birefnet_video.backends.tiled import TileCount, TiledBackend, TiledMatting, with_detail
from birefnet_video.matting.tiles.grid import Grid, halvings
from birefnet_video.matting.tiles.source import InMemory
from birefnet_video.options.network import BackendSpec
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.types import MediaInfo

TILE = (64, 96)
SIZE = (700, 1000)


class Vignette(StubBackend):
    """Says something else in the middle of what it sees than at its sides, as networks do."""

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        down, across = (np.abs(np.linspace(-1, 1, side, dtype=np.float32)) for side in rgb.shape[1:3])
        return (super().infer(rgb) - 0.2 * np.maximum(down[:, None], across[None])).clip(0, 1)


def network(kind: type[StubBackend] = StubBackend, size: tuple[int, int] = TILE) -> StubBackend:
    return kind(replace(INFO, input_size=size, batch_size=3))


def subject(size: tuple[int, int]) -> np.ndarray:
    """A matte of discs and thin lines, float32 (H, W)."""
    height, width = size
    matte = np.zeros(size, np.uint8)
    cv2.circle(matte, (width // 2, height // 2), height // 4, 255, -1, cv2.LINE_AA)
    for turn in np.linspace(0, 6.28, 40):
        end = (int(width / 2 + np.cos(turn) * height / 3), int(height / 2 + np.sin(turn) * height / 3))
        cv2.line(matte, (width // 2, height // 2), end, 255, 2, cv2.LINE_AA)
    return matte.astype(np.float32) / 255


def strokes(size: tuple[int, int], seed: int) -> np.ndarray:
    """A matte with edges everywhere, float32 (H, W)."""
    chance, matte = np.random.default_rng(seed), np.zeros(size, np.uint8)
    for _ in range(150):
        (left, right), (top, bottom) = chance.integers(0, size[1], 2), chance.integers(0, size[0], 2)
        ends = (int(left), int(top)), (int(right), int(bottom))
        cv2.line(matte, *ends, 255, int(chance.integers(2, 40)), cv2.LINE_AA)
    return matte.astype(np.float32) / 255


def picture(matte: np.ndarray) -> np.ndarray:
    """A picture whose brightness is the matte."""
    return np.repeat((matte * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2)


def tiled(rgb: np.ndarray, backend: StubBackend, count: TileCount | None = None) -> np.ndarray:
    return TiledMatting(backend, count or TileCount()).matte(InMemory(rgb)).astype(np.float32) / 65535


def test_a_network_that_sees_the_same_in_parts_gives_the_same_matte() -> None:
    truth = subject(SIZE)
    whole = network(size=SIZE).infer(picture(truth)[None])[0]
    coarse = cv2.resize(cv2.resize(truth, TILE[::-1], interpolation=cv2.INTER_AREA), SIZE[::-1])
    difference = np.abs(tiled(picture(truth), network()) - whole).mean()
    assert difference < 0.003 < np.abs(coarse - whole).mean() / 4


@pytest.mark.parametrize("size", [(333, 517), (1001, 128), (97, 901)])
def test_any_shape(size: tuple[int, int]) -> None:
    truth = subject(size)
    assert np.abs(tiled(picture(truth), network()) - truth).mean() < 0.01


@pytest.mark.parametrize("seed", [1, 7])
def test_no_seams(seed: int) -> None:
    """Nothing is sharp here: what jumps is a seam. The worst along borders of tiles is no larger than elsewhere."""
    truth = cv2.GaussianBlur(strokes(SIZE, seed), (0, 0), 15)
    error = tiled(picture(truth), network(Vignette)) - truth
    grid = Grid((SIZE[0] + SIZE[0] % 16, SIZE[1] + SIZE[1] % 16), TILE, step=2)
    for axis, lines in enumerate(grid.borders):
        jumps = np.abs(np.diff(error, axis=axis)).max(axis=1 - axis)
        fading = np.zeros(jumps.shape, bool)
        for line in lines:
            fading[line - TILE[axis] // 16 : line + TILE[axis] // 16] = True
        assert fading.any() and not fading.all()
        assert jumps[fading].max() <= jumps[~fading].max() < 0.03


def test_tiles_are_left_out_where_nothing_is_open() -> None:
    count = TileCount()
    truth = np.zeros((1024, 1536), np.float32)
    truth[400:480, 600:700] = 1
    tiled(picture(truth), network(), count)
    assert 0 < count.done < count.all / 4
    assert count.describe().startswith(f"tiles: {count.done} of {count.all} were")
    assert not TileCount().describe()


def test_as_a_backend() -> None:
    said: list[str] = []
    backend = with_detail(network(), SIZE, said.append)
    assert isinstance(backend, TiledBackend) and backend.info.input_size == SIZE and backend.info.batch_size == 1
    assert backend.info.describe().endswith("batch 1 (in tiles of 96x64)")
    truth = subject(SIZE)
    (alpha,) = backend.begin(picture(truth)[None])()
    assert alpha.dtype == np.float32 and np.abs(alpha - truth).mean() < 0.003
    with pytest.raises(ValueError, match="expected pictures of"):
        backend.infer(np.zeros((1, 8, 8, 3), np.uint8))
    backend.close()
    backend.close()
    assert len(said) == 1 and said[0].startswith("tiles: ")


def test_small_pictures_stay_in_one_piece() -> None:
    said: list[str] = []
    own = network()
    assert with_detail(own, None, said.append) is own and not said
    assert with_detail(own, (70, 100), said.append) is own
    assert said == ["--detail: not in tiles: the network sees 96x64, nearly all that there is"]
    assert halvings((70, 100), TILE) is None


@pytest.mark.parametrize(
    ("detail", "size"), [("off", None), ("full", (2160, 3840)), ("1920", (1080, 1920)), ("9000", (2160, 3840))]
)
def test_sizes_that_are_asked_for(detail: str, size: tuple[int, int] | None) -> None:
    assert BackendSpec(detail=detail).detail_size(3840, 2160) == size


def test_of_a_video(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames go through the network in tiles; one that stays open is lent to videos of that size only."""
    monkeypatch.setattr(registry, "load_backend", lambda *spec, **rest: network())
    media = MediaInfo(**{**dict.fromkeys((each.name for each in fields(MediaInfo)), None), "width": 640, "height": 360})  # type: ignore[arg-type]
    spec = BackendSpec(detail="full", engine="eager")
    backend = registry.open_backend(spec, media, [].append)
    assert isinstance(backend, TiledBackend) and backend.info.input_size == (360, 640)
    assert not isinstance(registry.open_backend(BackendSpec(), media, [].append), TiledBackend)
    shared = SharedNetwork()
    sizes = [shared.open(spec, each, [].append).info.input_size for each in (media, replace(media, width=1280))]
    shared.close()
    assert sizes == [(360, 640), (360, 1280)]
