"""Channels and runner: order, bounds, errors, cancelling; no thread survives."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest
from clocks import Clock
from stubs import our_threads
from wait import until

from birefnet_video.pipeline.channel import Cancelled, Channel
from birefnet_video.pipeline.meters import ActiveClock, StageMeter
from birefnet_video.pipeline.runner import Runner, Stage


class Planned(Exception):
    """Raised on purpose."""


def source(count: int) -> Stage:
    return Stage("source", lambda _: iter_numbers(count))


def iter_numbers(count: int) -> Iterator[int]:
    yield from range(count)


def passing(
    name: str, capacity: int = 2, *, fail_at: int | None = None, on_item: Callable[[int], object] = lambda item: None
) -> Stage:
    def work(items: Iterable[int]) -> Iterator[int]:
        for item in items:
            if item == fail_at:
                raise Planned(name)
            on_item(item)
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


def test_a_channel_holds_no_more_than_its_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, is_full = Clock(), threading.Event()

    def look() -> float:
        """Called when somebody begins to wait, and when that is over."""
        is_full.set()
        clock.go(1)
        return clock.monotonic()

    monkeypatch.setattr("birefnet_video.pipeline.channel.time", SimpleNamespace(perf_counter=look))
    channel: Channel[int] = Channel(3)
    made = []

    def produce() -> None:
        for number in range(10):
            channel.put(number)
            made.append(number)
        channel.close()

    thread = threading.Thread(target=produce)
    thread.start()
    assert is_full.wait(60)
    assert made == [0, 1, 2] and len(channel) == 3
    for expected, item in enumerate(channel):
        assert item == expected and len(made) <= item + 1 + 3
    thread.join()
    assert made == list(range(10)) and channel.blocked_put_s >= 1


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
    with pytest.raises(Planned, match=stage):
        runner.join()
    assert closed.is_set()
    assert our_threads() == []


def test_cancelling_stops_a_slow_line_at_the_next_item_and_is_no_error() -> None:
    got: list[int] = []
    closed, permits = threading.Event(), threading.Semaphore(5)
    runner = Runner([source(10_000), passing("slow", on_item=lambda item: permits.acquire()), sink(got, closed)])
    runner.start()
    until(lambda: len(got) == 5)
    runner.cancel()
    # What was being worked on is done, and goes nowhere.
    permits.release()
    assert runner.join() is False
    assert closed.is_set() and got == list(range(5))
    assert our_threads() == []


def run_by_chance(rng: random.Random) -> None:
    """With an error at some item or none; cancelled at some item, as soon as it runs, or not at all."""
    fail, cancelled_at = rng.choice([None, *range(40)]), rng.choice([None, *range(40)])

    def cancel(item: int) -> None:
        if item == cancelled_at:
            runner.cancel()

    first, second = passing("a", rng.randint(1, 4), fail_at=fail), passing("b", rng.randint(1, 4), on_item=cancel)
    runner = Runner([source(40), first, second, sink([])])
    runner.start()
    if rng.random() < 0.3:
        runner.cancel()
    try:
        runner.join()
    except Planned:
        assert fail is not None


def test_random_errors_and_cancels_never_hang() -> None:
    rng = random.Random(0)
    for _ in range(100):
        run_by_chance(rng)
        assert our_threads() == []


def test_meters_tell_work_from_waiting_on_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, so that every second has one stage that it belongs to."""
    time = Clock()
    monkeypatch.setattr("birefnet_video.pipeline.meters.time", time)
    meters = [StageMeter(name, ActiveClock()) for name in ("source", "slow", "fast")]
    items: Iterable[int] = ()
    stages = source(4), passing("slow", on_item=lambda item: time.go(5 + item)), passing("fast")
    for meter, stage in zip(meters, stages, strict=True):
        items = meter.working(stage.work(meter.waiting(items)))
    for _ in items:
        time.go(2)
    assert [meter.items for meter in meters] == [4] * 3
    assert [meter.busy_s for meter in meters] == [0, 26, 0]
    assert [meter.waited_in_s for meter in meters] == [0, 0, 26]
    assert [meter.waited_out_s for meter in meters] == [34, 8, 8]
    assert meters[1].percentile_s(0.5) == 7 and meters[1].percentile_s(0.95) == 8
    assert meters[2].last_at - meters[2].first_at == 6 + 7 + 8 + 3 * 2


def test_the_line_meters_its_stages() -> None:
    runner = Runner([source(40), passing("a"), passing("b"), sink([])])
    runner.start()
    runner.join()
    assert [(meter.name, meter.items) for meter in runner.meters] == [(n, 40) for n in ("source", "a", "b", "sink")]
    assert all(meter.busy_s > 0 for meter in runner.meters)
