"""Channels and runner: order, bounds, errors, cancelling; no thread survives."""

import random
import threading
import time
from collections.abc import Iterable, Iterator

import pytest
from stubs import our_threads

from birefnet_video.pipeline.channel import Cancelled, Channel
from birefnet_video.pipeline.runner import Runner, Stage


class Planned(Exception):
    """Raised on purpose."""


def source(count: int) -> Stage:
    return Stage("source", lambda _: iter_numbers(count))


def iter_numbers(count: int) -> Iterator[int]:
    yield from range(count)


def passing(name: str, capacity: int = 2, *, fail_at: int | None = None, delay_s: float = 0.0) -> Stage:
    def work(items: Iterable[int]) -> Iterator[int]:
        for item in items:
            if item == fail_at:
                raise Planned(name)
            if delay_s:
                time.sleep(delay_s)
            yield item

    return Stage(name, work, capacity)


def sink(into: list[int], closed: threading.Event | None = None) -> Stage:
    def work(items: Iterable[int]) -> Iterator[int]:
        try:
            for item in items:
                into.append(item)
                yield item
        finally:
            if closed is not None:
                closed.set()

    return Stage("sink", work)


def test_every_item_arrives_in_order() -> None:
    got: list[int] = []
    runner = Runner([source(5000), passing("a"), passing("b", 1), sink(got)])
    runner.start()
    assert runner.join() is True
    assert got == list(range(5000))
    assert [meter.items for meter in runner.meters] == [5000] * 4
    assert our_threads() == []


def test_a_channel_holds_no_more_than_its_capacity() -> None:
    channel: Channel[int] = Channel(3)
    made = []

    def produce() -> None:
        for number in range(10):
            channel.put(number)
            made.append(number)
        channel.close()

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(0.05)
    assert len(made) == 3
    assert list(channel) == list(range(10))
    thread.join()
    assert channel.blocked_put_s > 0.02


def test_abort_wakes_both_sides() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(0)
    threading.Timer(0.02, channel.abort).start()
    with pytest.raises(Cancelled):
        channel.put(1)
    with pytest.raises(Cancelled):
        next(iter(channel))


@pytest.mark.parametrize("stage", ["a", "b"])
@pytest.mark.parametrize("at", [0, 50])
def test_the_first_error_is_raised_in_the_caller(stage: str, at: int) -> None:
    closed = threading.Event()
    stages = [source(10_000), *(passing(n, fail_at=at if n == stage else None) for n in "ab"), sink([], closed)]
    runner = Runner(stages)
    runner.start()
    started = time.monotonic()
    with pytest.raises(Planned, match=stage):
        runner.join()
    assert time.monotonic() - started < 10
    assert closed.is_set()
    assert our_threads() == []


def test_cancelling_stops_a_slow_line_quickly_and_is_no_error() -> None:
    got: list[int] = []
    closed = threading.Event()
    runner = Runner([source(10_000), passing("slow", delay_s=0.01), sink(got, closed)])
    runner.start()
    time.sleep(0.1)
    started = time.monotonic()
    runner.cancel()
    assert runner.join() is False
    assert time.monotonic() - started < 10
    assert closed.is_set() and 0 < len(got) < 10_000
    assert our_threads() == []


def test_random_errors_and_cancels_never_hang() -> None:
    rng = random.Random(0)
    for _ in range(100):
        fail = rng.choice([None, *range(40)])
        stages = [source(40), passing("a", rng.randint(1, 4), fail_at=fail), passing("b", rng.randint(1, 4)), sink([])]
        runner = Runner(stages)
        runner.start()
        if rng.random() < 0.5:
            time.sleep(rng.random() * 0.002)
            runner.cancel()
        try:
            runner.join()
        except Planned:
            assert fail is not None
        assert our_threads() == []


def test_meters_name_the_slow_stage() -> None:
    runner = Runner([source(40), passing("slow", delay_s=0.005), passing("fast"), sink([])])
    runner.start()
    runner.join()
    busy = {meter.name: meter.busy_s for meter in runner.meters}
    assert max(busy, key=lambda name: busy[name]) == "slow"
    assert busy["slow"] >= 0.2 and busy["fast"] < 0.1
