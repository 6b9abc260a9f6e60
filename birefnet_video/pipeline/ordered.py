"""The same work on many items, some of them at once, with results in the order of the items."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def cores() -> int:
    """Processors that this process may use."""
    return len(usable_cores())


def usable_cores() -> list[int]:
    """Their numbers."""
    known = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return sorted(known)


def ordered_map(work: Callable[[A], B], items: Iterable[A], workers: int, name: str) -> Generator[B, None, None]:
    """Like :func:`map`, on ``workers`` threads; at most one item more than those is on its way.

    The first error is raised where its result would come. Leaving early waits for what has begun.

    Args:
        work: must not depend on the order of its calls if there are several workers.
        items: taken one by one, in the caller's thread.
        workers: 1 works in the caller's thread.
        name: of the threads.
    """
    if workers == 1:
        yield from map(work, items)
        return
    begun: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
