"""Many pictures through one network: which go together, what is held, what becomes of errors."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stubs import INFO

from birefnet_video.backends.base import Pending
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BackendUnavailable, NotAPicture
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.pictures import PictureFilesSpec, PicturesRequest
from birefnet_video.pictures.finding import Found
from birefnet_video.pipeline import networks
from birefnet_video.pipeline.pictures import PictureJob, PictureRun

BATCH = 4
Make = Callable[[list[tuple[int, int]]], list[PictureJob]]


class Counting(StubBackend):
    """Remembers how many pictures came together, and of which size."""

    def __init__(self, size: tuple[int, int], taken: list[tuple[tuple[int, int], int]]) -> None:
        super().__init__(replace(INFO, input_size=size, batch_size=BATCH))
        self._taken = taken

    def begin(self, rgb: np.ndarray) -> Pending:
        self._taken.append((rgb.shape[1:3], len(rgb)))
        return super().begin(rgb)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, int], int]]:
    """Batches that the network has seen, by size of input."""
    found: list[tuple[tuple[int, int], int]] = []
    monkeypatch.setattr(
        networks, "load_backend", lambda spec, width, height, **rest: Counting(_size(width, height), found)
    )
    monkeypatch.setattr(networks, "input_size", lambda model, width, height: _size(width, height))
    return found


def _size(width: int, height: int) -> tuple[int, int]:
    return (32, 64) if width > height else (64, 32)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(sizes: list[tuple[int, int]]) -> list[PictureJob]:
        jobs = []
        for index, size in enumerate(sizes):
            path = tmp_path / f"{index}.png"
            Image.new("RGB", size, (index, 200, 40)).save(path)
            jobs.append(PictureJob(Found(path, Path(path.name)), (OutputSpec("mask", tmp_path / f"{index}.mask.png"),)))
        return jobs

    return make


def run_for(jobs: list[PictureJob]) -> PictureRun:
    request = PicturesRequest(
        sources=tuple(job.source.path for job in jobs), files=PictureFilesSpec(), backend=BackendSpec()
    )
    return PictureRun(request, pictures=len(jobs), tell=lambda text: None)


def test_pictures_of_one_shape_go_through_the_network_together(
    make: Make, taken: list[tuple[tuple[int, int], int]]
) -> None:
    wide, tall = (60, 40), (40, 60)
    jobs = make([wide, tall] * 8 + [wide] * 3)
    results = list(run_for(jobs).results(jobs))
    assert all(result.error is None for result in results) and len(results) == 19
    assert {result.job.source.path for result in results} == {job.source.path for job in jobs}
    # 11 wide ones and 8 tall ones.
    assert sorted(count for size, count in taken if size == (32, 64)) == [3, 4, 4]
    assert [count for size, count in taken if size == (64, 32)] == [4, 4]
    for index, job in enumerate(jobs):
        with Image.open(job.outputs[0].path) as matte:
            assert matte.size == (wide if index >= 16 or index % 2 == 0 else tall)


def test_what_is_read_ahead_is_bounded(make: Make, taken: list[tuple[tuple[int, int], int]]) -> None:
    jobs = make([(60, 40)] * 60)
    begun = 0

    def counted() -> Iterator[PictureJob]:
        nonlocal begun
        for job in jobs:
            begun += 1
            yield job

    for done, _ in enumerate(run_for(jobs).results(counted()), start=1):
        # On threads that read, in a batch, on threads that write.
        assert begun - done <= 3 * (4 + 1) + 2 * BATCH


def test_a_picture_of_a_rare_shape_does_not_wait_for_ever(make: Make, taken: list[tuple[tuple[int, int], int]]) -> None:
    jobs = make([(40, 60), *[(60, 40)] * 40])
    results = list(run_for(jobs).results(jobs))
    assert len(results) == 41 and ((64, 32), 1) in taken


def test_an_error_of_one_picture_comes_with_its_result(make: Make, taken: list[tuple[tuple[int, int], int]]) -> None:
    jobs = make([(60, 40)] * 3)
    jobs[1].source.path.write_bytes(b"no picture")
    results = {result.job.source.path.name: result.error for result in run_for(jobs).results(jobs)}
    assert results["0.png"] is None and results["2.png"] is None
    assert isinstance(results["1.png"], NotAPicture)


def test_an_error_of_the_network_ends_it_and_leaves_whole_files_only(
    make: Make, taken: list[tuple[tuple[int, int], int]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs = make([(60, 40)] * 20)

    def fail(backend: Counting, rgb: np.ndarray) -> Pending:
        if len(taken) == 2:
            raise BackendUnavailable("the network has gone")
        taken.append((rgb.shape[1:3], len(rgb)))
        return StubBackend.begin(backend, rgb)

    monkeypatch.setattr(Counting, "begin", fail)
    with pytest.raises(BackendUnavailable, match="has gone"):
        list(run_for(jobs).results(jobs))
    assert not list(tmp_path.glob("*.partial*"))
    for path in tmp_path.glob("*.mask.png"):
        with Image.open(path) as matte:
            matte.load()


def test_after_a_stop_what_was_begun_is_finished(make: Make, taken: list[tuple[tuple[int, int], int]]) -> None:
    jobs = make([(60, 40)] * 60)
    run = run_for(jobs)
    results = []
    for result in run.results(jobs):
        results.append(result)
        run.stop()
    assert 0 < len(results) < 60 and all(result.error is None for result in results)
    assert all(result.job.outputs[0].path.exists() for result in results)


def test_large_pictures_go_through_the_network_in_tiles(make: Make, taken: list[tuple[tuple[int, int], int]]) -> None:
    jobs = make([(400, 200), (60, 40)])
    with Image.open(jobs[0].source.path) as plain:
        plain.paste((255, 255, 255), (100, 50, 300, 150))
        plain.save(jobs[0].source.path)
    request = PicturesRequest(sources=(jobs[0].source.path,), backend=BackendSpec(detail="full"))
    said: list[str] = []
    results = list(PictureRun(request, pictures=2, tell=said.append).results(jobs))
    assert all(result.error is None for result in results)
    assert all(size == (32, 64) for size, _ in taken) and len(taken) > 3
    assert said[-1].startswith("tiles: ")
    with Image.open(jobs[0].outputs[0].path) as matte:
        assert matte.size == (400, 200) and matte.getpixel((200, 100)) == 255
