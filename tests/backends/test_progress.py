"""Long builds say that they are still at it, short ones nothing more than that they begin."""

import time

import pytest

from birefnet_video.backends.progress import building


def test_a_long_build_is_told_in_longer_and_longer_steps() -> None:
    told: list[str] = []
    with building("tensorrt: building", told.append, first_s=0.05):
        time.sleep(0.5)
    assert told[0] == "tensorrt: building, once; the next start finds it"
    still = [each for each in told if "still at it after" in each]
    # After 0.05 s, 0.1, 0.2 and 0.4 at the latest, fewer where the machine is busy.
    assert 1 <= len(still) <= 4
    assert told[-1] == "tensorrt: building: done in 1 s" or told[-1] == "tensorrt: building: done in 0 s"


def test_a_short_build_and_one_that_fails() -> None:
    told: list[str] = []
    with building("compile: building", told.append, is_kept=False):
        pass
    assert told == ["compile: building"]
    with pytest.raises(RuntimeError), building("compile: building", told.append, first_s=0):
        raise RuntimeError
    assert not any("done" in each for each in told)
