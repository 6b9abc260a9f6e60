"""Large pictures: strips hold what one piece would hold, in memory that is known before."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from PIL import Image
from stubs import INFO

from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable, NotAPicture, OutputRefused
from birefnet_video.options.backgrounds import Blur, SolidColour
from birefnet_video.options.input import PictureLimitsSpec
from birefnet_video.options.matte import ColourSpec, PictureMatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.pictures import PictureFilesSpec, PictureRunSpec, PicturesRequest, parse_margin
from birefnet_video.pictures.finding import Found
from birefnet_video.pipeline import networks, pictures
from birefnet_video.pipeline.pictures import PictureJob, PictureRun, Result

TILE = (64, 64)
WIDTH, HEIGHT = 301, 407


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grainy disc on the dark."""
    monkeypatch.setattr(
        networks, "load_backend", lambda spec, *size, **rest: StubBackend(replace(INFO, input_size=TILE, batch_size=2))
    )
    monkeypatch.setattr(networks, "input_size", lambda model, width, height: TILE)
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    disc = (80 - np.hypot(down - 180, across - 140)).clip(0, 6) / 6
    grain = np.random.default_rng(3).integers(0, 30, (HEIGHT, WIDTH, 3))
    path = tmp_path / "in.png"
    Image.fromarray((20 + disc[..., None] * 200 + grain).astype(np.uint8)).save(path, dpi=(300, 300))
    return path


def request_for(source: Path, **options: object) -> PicturesRequest:
    return PicturesRequest(sources=(source,), **{"backend": BackendSpec(detail="full"), **options})  # type: ignore[arg-type]


def outputs_in(folder: Path, suffix: str) -> tuple[OutputSpec, ...]:
    folder.mkdir(exist_ok=True)
    return (
        OutputSpec("alpha", folder / f"a{suffix}"),
        OutputSpec("mask", folder / f"m{suffix}"),
        OutputSpec("composite", folder / f"c{suffix}", SolidColour((200, 10, 30))),
    )


def run(request: PicturesRequest, outputs: tuple[OutputSpec, ...], said: list[str] | None = None) -> Result:
    job = PictureJob(Found(request.sources[0], Path("in")), outputs)
    (result,) = PictureRun(request, pictures=1, tell=[].append if said is None else said.append).results([job])
    return result


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[Image.Image, Image.Image]]]:
    """Makes outputs in one piece and in strips."""

    def make(request: PicturesRequest, suffix: str = ".png") -> list[tuple[Image.Image, Image.Image]]:
        whole, stripped = (outputs_in(tmp_path / name, suffix) for name in ("whole", "strips"))
        assert run(request, whole).error is None
        monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
        monkeypatch.setattr(PictureRun, "_page", None)
        result = run(request, stripped)
        assert result.error is None and result.pages == 1
        return [(Image.open(a.path), Image.open(b.path)) for a, b in zip(whole, stripped, strict=True)]

    return make


def differences(pairs: list[tuple[Image.Image, Image.Image]]) -> list[tuple[int, float]]:
    """The largest and the mean difference of each pair."""
    found = []
    for one, other in pairs:
        assert one.size == other.size and one.mode == other.mode
        apart = np.abs(np.asarray(one).astype(int) - np.asarray(other))
        found.append((int(apart.max()), float(apart.mean())))
    return found


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_strips_hold_what_one_piece_holds(
    source: Path, both: Callable[..., list[tuple[Image.Image, Image.Image]]], suffix: str
) -> None:
    pairs = both(request_for(source), suffix)
    alpha, mask, composite = differences(pairs)
    assert mask[0] <= 1 and alpha[1] < 0.2 and composite[1] < 0.2
    assert all(round(one.info["dpi"][0]) == 300 for one, _ in pairs)
    assert pairs[0][1].size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "options",
    [
        {"matte": PictureMatteSpec(threshold=0.4, mask_offset=-7, mask_blur=3)},
        {
            "matte": PictureMatteSpec(invert=True, mask_offset=9),
            "colour": ColourSpec(decontaminate="off", despill="green"),
        },
        {"files": PictureFilesSpec(trim=parse_margin("5%"))},
        {"backend": BackendSpec(detail="256")},
    ],
    ids=["edits", "inverted", "trimmed", "less detail"],
)
def test_with_what_is_asked_for(
    source: Path, both: Callable[..., list[tuple[Image.Image, Image.Image]]], options: dict[str, object]
) -> None:
    alpha, mask, composite = differences(both(request_for(source, **options)))
    # Below the detail that is asked for mattes are enlarged step by step.
    limit = 3 if "backend" in options else 1
    assert mask[1] < limit / 2 and (mask[0] <= 1 or limit > 1)
    assert alpha[1] < limit and composite[1] < limit


def test_turned_pictures_with_alpha(source: Path, both: Callable[..., list[tuple[Image.Image, Image.Image]]]) -> None:
    with Image.open(source) as plain:
        exif = Image.Exif()
        exif[0x0112] = 6
        alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
        plain.putalpha(Image.fromarray(alpha))
        plain.save(source, exif=exif)
    pairs = both(request_for(source))
    assert pairs[1][1].size == (HEIGHT, WIDTH)
    assert differences(pairs)[1][0] <= 1


def test_sixteen_bits(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    deep = np.random.default_rng(4).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    deep[100:200, 80:220] = 65535
    cv2.imwrite(str(source), deep)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    outputs = outputs_in(tmp_path / "strips", ".tif")
    assert run(request_for(source, colour=ColourSpec(decontaminate="off")), outputs).error is None
    made = cv2.imread(str(outputs[0].path), cv2.IMREAD_UNCHANGED)
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(made[..., :3], deep)


def test_mattes_go_into_a_file_where_memory_is_short(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base, four bytes a pixel of the picture, and no room for the matte."""
    request = request_for(source, run=PictureRunSpec(max_memory=10**9 + 4 * WIDTH * HEIGHT))
    whole, stripped = (outputs_in(tmp_path / name, ".png") for name in ("whole", "strips"))
    assert run(request, whole).error is None
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    assert run(request, stripped).error is None
    pairs = [(Image.open(a.path), Image.open(b.path)) for a, b in zip(whole, stripped, strict=True)]
    assert differences(pairs)[1][0] <= 1


def test_what_does_not_fit_is_refused_before_it_is_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    outputs = outputs_in(tmp_path / "strips", ".png")
    tight = PictureRunSpec(max_memory=10**9 + 4 * WIDTH * HEIGHT - 1)
    error = run(request_for(source, run=tight), outputs).error
    assert isinstance(error, BackendUnavailable) and "takes about 1.0 GB" in error.message
    assert error.hint == "--max-memory 2G"
    error = run(request_for(source, read=PictureLimitsSpec(max_pixels=5000)), outputs).error
    assert isinstance(error, NotAPicture) and "--max-pixels" in str(error.hint)
    assert not list((tmp_path / "strips").iterdir())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (OutputSpec("mask", Path("m.jpg")), "jpg is not written in strips"),
        (OutputSpec("foreground", Path("f.png")), "--foreground"),
        (OutputSpec("composite", Path("c.png"), Blur(7)), "--background is no plain colour"),
    ],
)
def test_what_needs_all_of_it_is_said(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: OutputSpec, words: str
) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    said: list[str] = []
    placed = evolve(output, path=tmp_path / output.path)
    assert run(request_for(source), (placed,), said).error is None
    assert any("in one piece" in each and words in each for each in said)


def test_a_damaged_one_leaves_nothing_behind(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    outputs = outputs_in(tmp_path / "strips", ".png")
    assert isinstance(run(request_for(source), outputs).error, NotAPicture)
    assert not list((tmp_path / "strips").iterdir())
    source.write_bytes(data)
    (tmp_path / "strips" / "m.png").write_bytes(b"here before")
    assert isinstance(run(request_for(source), outputs).error, OutputRefused)
    assert (tmp_path / "strips" / "m.png").read_bytes() == b"here before"


def test_one_that_was_begun_can_be_left(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    begun: list[PictureRun] = []

    class Leaving(StubBackend):
        def infer(self, rgb: np.ndarray) -> np.ndarray:
            begun[0].stop()
            return super().infer(rgb)

    info = replace(INFO, input_size=TILE, batch_size=2)
    monkeypatch.setattr(networks, "load_backend", lambda spec, *size, **rest: Leaving(info))
    outputs = outputs_in(tmp_path / "strips", ".png")
    begun.append(PictureRun(request_for(source), pictures=1, tell=[].append))
    (result,) = begun[0].results([PictureJob(Found(source, Path("in")), outputs)])
    assert result.error is not None and "was left before it was done" in result.error.message
    assert not list((tmp_path / "strips").iterdir())
