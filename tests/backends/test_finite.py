"""Mattes that are no numbers are made again in a wider precision."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from birefnet_video.backends import finite as module
from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.backends.base import BackendInfo, Pending
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines import eager
from birefnet_video.backends.finite import FiniteBackend, finite
from birefnet_video.backends.network import are_numbers
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import NoNumbers, OutOfMemory
from birefnet_video.options.network import BackendSpec
from birefnet_video.types import Step

INFO = BackendInfo("stub", "net", "cpu", "fp16", (8, 8), 4, overlaps=True)


class Half:
    """Mattes of pictures are numbers unless their first sample is one of ``bad``."""

    def __init__(self, precision: str, bad: set[int], *, late: bool = True, room: int = 4) -> None:
        self.info = replace(INFO, precision=precision)
        self.bad, self.late, self.room = bad, late, room
        self.seen: list[int] = []
        self.closed = False

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        assert not self.closed
        if len(rgb) > self.room:
            raise OutOfMemory("out of memory")
        self.seen.append(int(rgb[0, 0, 0, 0]))
        if self.seen[-1] in self.bad:
            raise NoNumbers(f"net: its mattes are no numbers in {self.info.precision}")
        return StubBackend(INFO).infer(rgb)

    def begin(self, rgb: np.ndarray) -> Pending:
        if self.late:
            return lambda: self.infer(rgb)
        alpha = self.infer(rgb)
        return lambda: alpha

    def close(self) -> None:
        self.closed = True


def batch(number: int) -> np.ndarray:
    rgb = np.random.default_rng(number).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    rgb[0, 0, 0, 0] = number
    return rgb


class Bench:
    """A backend of three precisions, and what it said and opened."""

    def __init__(self, *bad: set[int], late: bool = True, room: int = 4) -> None:
        self.told: list[str] = []
        self.by = {
            name: Half(name, wrong, late=late, room=room if name != "fp16" else 4)
            for name, wrong in zip(("fp16", "bf16", "fp32"), bad, strict=False)
        }
        self.opened: list[str] = []
        self.backend = FiniteBackend(self.by["fp16"], self.told.append, list(self.by)[1:], self.open)

    def open(self, precision: str) -> Half:
        self.opened.append(precision)
        return self.by[precision]

    def run(self, numbers: range) -> None:
        """Every batch is begun before the one before it is collected, and all mattes are right."""
        waiting: deque[tuple[int, Pending]] = deque()
        for number in numbers:
            waiting.append((number, self.backend.begin(batch(number))))
            if len(waiting) > 1:
                self.collect(*waiting.popleft())
        while waiting:
            self.collect(*waiting.popleft())

    @staticmethod
    def collect(number: int, pending: Pending) -> None:
        assert np.array_equal(pending(), StubBackend(INFO).infer(batch(number)))


LATE = pytest.mark.parametrize("late", [True, False])


def test_what_is_a_number_is_left_alone() -> None:
    bench = Bench(set(), set(), set())
    bench.run(range(9))
    assert (bench.told, bench.opened) == ([], [])
    assert bench.backend.info == INFO


@LATE
def test_one_batch_is_done_again_and_the_rest_goes_on(late: bool) -> None:
    bench = Bench({3}, set(), set(), late=late)
    bench.run(range(9))
    assert bench.opened == ["bf16"] and bench.by["bf16"].seen == [3]
    assert bench.told == ["net: its mattes are no numbers in fp16: the batch is done again in bf16"]
    assert bench.backend.info.precision == "fp16" and bench.by["fp16"].seen == list(range(9))
    bench.backend.close()
    assert bench.by["fp16"].closed and bench.by["bf16"].closed


@LATE
def test_the_second_time_the_wider_one_does_all_that_follows(late: bool) -> None:
    bench = Bench({3, 5}, set(), set(), late=late)
    bench.run(range(9))
    assert bench.told[1:] == ["net: stub in bf16 does all frames from here on"]
    # The batch behind the bad one had been begun.
    assert bench.by["fp16"].seen == list(range(7)) and bench.by["fp16"].closed
    assert bench.by["bf16"].seen == [3, 5, 7, 8] and bench.backend.info.precision == "bf16"


def test_float32_is_next_where_bfloat16_has_no_numbers_either() -> None:
    bench = Bench({2, 4}, {2, 4}, set())
    bench.run(range(7))
    assert bench.opened == ["bf16", "fp32"] and bench.by["bf16"].closed
    assert bench.told == [
        "net: its mattes are no numbers in fp16: the batch is done again in bf16",
        "net: its mattes are no numbers in bf16: the batch is done again in fp32",
        "net: stub in fp32 does all frames from here on",
    ]


def test_where_float32_has_none_that_is_the_error() -> None:
    bench = Bench({1}, {1}, {1})
    with pytest.raises(NoNumbers, match="no numbers in fp32"):
        bench.run(range(4))


def test_where_there_is_no_room_for_two_the_narrow_one_goes() -> None:
    bench = Bench({2}, set(), room=1)
    bench.by["bf16"].room = 1
    close = bench.by["fp16"].close

    def make_room() -> None:
        close()
        bench.by["bf16"].room = 4

    bench.by["fp16"].close = make_room  # type: ignore[method-assign]
    bench.run(range(6))
    assert bench.by["fp16"].closed and bench.by["bf16"].seen == [2, 4, 5]


@settings(max_examples=150, deadline=None)
@given(narrow=st.sets(st.integers(0, 20)), middle=st.sets(st.integers(0, 20)), late=st.booleans())
def test_all_mattes_are_numbers_in_order_and_everything_is_said_once(
    narrow: set[int], middle: set[int], late: bool
) -> None:
    bench = Bench(narrow, middle, set(), late=late)
    bench.run(range(21))
    assert len(bench.told) == len(set(bench.told)) <= 4
    assert bool(bench.told) == bool(narrow)
    bench.backend.close()
    assert all(bench.by[name].closed for name in ("fp16", *bench.opened))


def test_trials_of_the_batch_go_on_over_a_batch_that_is_no_number() -> None:
    told: list[str] = []
    inner = AdaptiveBackend(Half("fp16", {1}, late=False), told.append, measures=True)
    backend = FiniteBackend(inner, told.append, ["fp32"], lambda precision: Half(precision, set()))
    for number in range(8):
        assert np.array_equal(backend.infer(batch(number)), StubBackend(INFO).infer(batch(number)))
    assert [type(each) for each in told] == [Step, str] and "measured" in backend.info.note


@pytest.mark.parametrize(
    ("precision", "fast", "expected"),
    [
        ("fp16", True, ["bf16"]),
        ("fp16", False, ["fp32"]),
        ("bf16", True, ["fp32"]),
        ("fp32", True, []),
        ("int8", True, []),
    ],
)
def test_the_next_precision_is_one_that_the_device_is_quick_in(
    precision: str, fast: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: fast)
    opened: list[str] = []

    def open_wider(wider: str) -> Half:
        opened.append(wider)
        return Half(wider, set())

    backend = finite(Half(precision, {0}), lambda message: None, open_wider)
    if expected:
        backend.infer(batch(0))
    assert opened == expected and isinstance(backend, FiniteBackend) == bool(expected)


def test_a_network_that_is_loaded_is_asked_again_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare: Callable[[Request], Prepared] = eager.prepare
    calls: list[str] = []

    def overflowing(request: Request) -> Prepared:
        prepared, precision = prepare(request), request.info.precision

        def run(x: torch.Tensor) -> torch.Tensor:
            calls.append(precision)
            return prepared.run(x) * (np.nan if precision == "bf16" else 1)

        return replace(prepared, run=run)

    told: list[str] = []
    rgb = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    spec = BackendSpec(engine="eager", precision="fp32", size=(64, 64), batch_size=1)
    expected = load_backend(spec, 64, 64, cache=EngineCache(tmp_path)).infer(rgb)
    monkeypatch.setattr(eager, "prepare", overflowing)
    half = BackendSpec(engine="eager", precision="bf16", size=(64, 64), batch_size=1)
    backend = load_backend(half, 64, 64, tell=told.append, cache=EngineCache(tmp_path))
    for _ in range(3):
        assert np.array_equal(backend.infer(rgb), expected)
    assert calls == ["bf16", "fp32", "bf16", "fp32", "fp32"] and backend.info.precision == "fp32"
    assert [line for line in told if "numbers" in line or "from here on" in line] == [
        "tiny: its mattes are no numbers in bf16: the batch is done again in fp32",
        "tiny: eager in fp32 does all frames from here on",
    ]
    backend.close()


def test_the_verdict_is_made_on_the_device_and_not_waited_for() -> None:
    alpha = torch.full((2, 64, 64), 1.0)
    assert bool(are_numbers(alpha))
    for wrong in (float("nan"), float("inf")):
        alpha[1, 3, 3] = wrong
        assert not bool(are_numbers(alpha))
    # A tensor without values: whoever waits for one fails.
    assert are_numbers(torch.empty((8, 1024, 1024), device="meta")).shape == ()
