"""A process that is killed at any moment, and the same command again."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from clips import make_clip
from little_room import run_with_little_room
from packets import packets

RENDER = Path(__file__).parents[1] / "support" / "render.py"
FRAMES, SEGMENT, RATE = 240, 0.8, 25
#: Kills in all, and those that one output lives through.
KILLS, AT_ONCE = 20, 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


def command(clip: Path, *outputs: str) -> list[str]:
    return [sys.executable, str(RENDER), str(clip), *outputs, f"segment={SEGMENT}"]


def written(process: "subprocess.Popen[str]") -> Iterator[int]:
    """Frames that it says are written."""
    assert process.stdout is not None
    return (int(line) for line in process.stdout)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
@pytest.mark.parametrize("seed", range(KILLS // AT_ONCE))
def test_a_killed_render_goes_on_to_the_same_file(seed: int, clip: Path, tmp_path: Path) -> None:
    chance = random.Random(seed)
    whole = [f"alpha={tmp_path / 'whole.mov'}", f"mask={tmp_path / 'whole.mkv'}"]
    broken = [f"alpha={tmp_path / 'broken.mov'}", f"mask={tmp_path / 'broken.mkv'}"]
    subprocess.run(command(clip, *whole), check=True, capture_output=True)
    last = 0
    for number in range(AT_ONCE):
        with subprocess.Popen(command(clip, *broken), stdout=subprocess.PIPE, text=True) as process:
            counts = written(process)
            first = next(count for count in counts if count)
            # No more than the segment that was open, and what had not been written down, is made again.
            assert first >= last - SEGMENT * RATE - 1
            last = max(chance.randrange(FRAMES * number // AT_ONCE, FRAMES * (number + 1) // AT_ONCE), first)
            last = next((count for count in counts if count >= last), FRAMES)
            process.kill()
    subprocess.run(command(clip, *broken), check=True, capture_output=True)
    for suffix in (".mov", ".mkv"):
        assert packets(tmp_path / f"broken{suffix}") == packets(tmp_path / f"whole{suffix}")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".mkv", ".mkv", ".mov", ".mov"]


def test_a_full_disk_is_one_line_and_can_be_gone_on_from(clip: Path, tmp_path: Path) -> None:
    wanted = command(clip, f"alpha={tmp_path / 'a.mov'}")
    ran = run_with_little_room(RENDER, wanted[2:], 600_000)
    assert ran.returncode
    assert ran.stderr.strip().splitlines()[-1].endswith("a.mov: cannot be written: File too large")
    again = subprocess.run(wanted, capture_output=True, text=True, check=True)
    assert next(int(line) for line in again.stdout.split() if int(line)) >= SEGMENT * RATE
    subprocess.run([*wanted[:3], f"alpha={tmp_path / 'whole.mov'}", wanted[-1]], check=True, capture_output=True)
    assert packets(tmp_path / "a.mov") == packets(tmp_path / "whole.mov")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.webm"])
def test_what_a_kill_leaves_plays_but_for_a_second(name: str, clip: Path, tmp_path: Path) -> None:
    with subprocess.Popen(command(clip, f"alpha={tmp_path / name}"), stdout=subprocess.PIPE, text=True) as process:
        count = next(count for count in written(process) if count >= 110)
        process.kill()
    stem, suffix = name.split(".")
    with av.open(str(tmp_path / f"{stem}.partial.{suffix}")) as container:
        assert sum(1 for _ in container.decode(video=0)) >= count - RATE
