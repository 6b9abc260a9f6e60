"""Tests wait for what is to become so, and judge no durations: a busy machine must not make them fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(path for path in TESTS.rglob("*.py") if path.parent.name != "reference")
#: The only ones that let time pass.
SLEEPS = {"support/wait.py": "time.sleep", "support/fake_watch.py": "pause"}
#: The only ones that read a clock: patience, a clock for tests, a camera that keeps its rate, figures of mutants.
CLOCKS = {"support/wait.py", "support/clocks.py", "support/cameras.py", "fuzz/mutants.py"}
_SLEEPING = {"time.sleep", "asyncio.sleep"}
_CLOCKS = {"time.monotonic", "time.perf_counter", "time.process_time", "time.thread_time"}
_CLOCKS |= {f"{clock}_ns" for clock in _CLOCKS}
#: These tell dates, too, which tests may write into records and files.
_DATES = {"time.time", "time.time_ns", "datetime.datetime.now"}


def imported(tree: ast.AST) -> dict[str, str]:
    """What names of a file stand for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """``time.sleep`` for whatever the file calls it."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def offences(text: str, name: str = "test_x.py") -> Iterator[str]:
    """What a file does that it must not."""
    tree = ast.parse(text)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            used = dotted(node, names)
            if used in _SLEEPING and SLEEPS.get(name) != used:
                yield f"{name}:{node.lineno}: {used}: use until() of support/wait.py"
            if used in _CLOCKS and name not in CLOCKS:
                yield f"{name}:{node.lineno}: {used}: use until() of support/wait.py or Clock of support/clocks.py"
        # Of Textual's pilot; a job's pause takes nothing.
        is_pause = isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", "") == "pause"
        if is_pause and SLEEPS.get(name) != "pause":
            yield f"{name}:{node.lineno}: a pause: use until() or settle() of support/fake_watch.py"
        if isinstance(node, ast.Assert):
            for part in ast.walk(node.test):
                if isinstance(part, ast.Call) and dotted(part.func, names) in _CLOCKS | _DATES:
                    yield f"{name}:{node.lineno}: an assert that looks at a clock"


def test_nothing_waits_for_a_fixed_time_or_judges_one() -> None:
    found = [list(offences(path.read_text("utf-8"), path.relative_to(TESTS).as_posix())) for path in FILES]
    assert [each for some in found for each in some] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1)",
        "import time as t\nt.sleep(1)",
        "from time import sleep as rest\nrest(1)",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
        "import time\nplay = time.sleep",
        "async def f(pilot):\n    await pilot.pause(0.6)",
        "import time\nbegan = time.monotonic()\ntook = time.monotonic() - began\nassert took < 5",
        "from time import perf_counter\nassert perf_counter() < 5",
        "import time\nassert time.time() - 5 < 3",
        "from datetime import datetime\nassert datetime.now() < 3",
    ],
)
def test_what_must_not_be_is_found(text: str) -> None:
    assert list(offences(text))


@pytest.mark.parametrize(
    "text",
    [
        "import time\nrecord(started_at=time.time())",
        "async def f(pilot):\n    await pilot.pause()",
        "job.pause()",
        "import subprocess\nsubprocess.Popen(['sleep', '30'])",
    ],
)
def test_what_may_be_is_left_alone(text: str) -> None:
    assert not list(offences(text))
