"""Many at once, in order."""

import threading
from collections.abc import Iterator

import pytest

from birefnet_video.pipeline.ordered import ordered_map


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("test-ordered")]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_results_come_in_the_order_of_the_items(workers: int, count: int) -> None:
    is_done = [threading.Event() for _ in range(count + 1)]
    is_done[count].set()

    def work(item: int) -> int:
        # With several workers every other item is done after the one behind it.
        assert workers == 1 or item % 2 or is_done[item + 1].wait(60)
        is_done[item].set()
        return item * item

    assert list(ordered_map(work, range(count), workers, "test-ordered")) == [item * item for item in range(count)]
    assert not ours()


def test_several_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(ordered_map(lambda item: meeting.wait(), range(3), 3, "test-ordered"))) == 3


def test_no_more_than_needed_is_taken() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = ordered_map(lambda item: item, items(), 3, "test-ordered")
    next(results)
    assert len(taken) <= 5
    results.close()  # type: ignore[attr-defined]
    assert not ours()


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_comes_where_its_result_would(workers: int) -> None:
    def work(item: int) -> int:
        if item == 4:
            raise ValueError("four")
        return item

    results, seen = ordered_map(work, range(50), workers, "test-ordered"), []
    with pytest.raises(ValueError, match="four"):
        seen.extend(results)
    assert not ours()
