"""A render that a process of its own would serve."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    each = Served(tmp_path)
    each.thread.start()
    yield each
    each.job.cancel(keep=False)
    each.thread.join()
