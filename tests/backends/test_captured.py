"""Recordings of a network: which are made, which are played, and what happens if one cannot be made."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tape import Tape
from torch import Tensor

from birefnet_video.backends.captured import Captured
from birefnet_video.backends.engine import Run


def network(x: Tensor) -> Tensor:
    return x.mean(dim=1, keepdim=True) * 3 - 1


def pictures(count: int, *, side: int = 8) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))


def captured(tape: Tape, told: list[str] | None = None) -> Captured:
    return Captured(network, tape, (told if told is not None else []).append)


def test_every_batch_is_what_the_network_says() -> None:
    tape = Tape()
    run = captured(tape)
    for count in (4, 4, 3, 1, 4, 2, 2, 8, 8, 5):
        assert torch.equal(run(pictures(count)), network(pictures(count))), count


def test_the_last_batch_of_a_clip_costs_no_recording() -> None:
    tape = Tape()
    run = captured(tape)
    for count in (8, 8, 8, 3):
        run(pictures(count))
    assert tape.recorded == [8] and tape.played == [8, 8, 8, 8]


def test_a_size_that_comes_again_has_its_own() -> None:
    tape = Tape()
    run = captured(tape)
    # As trials bring them: first 8, then all smaller sizes, each more than once.
    for count in (8, 4, 4, 4, 1, 1, 2, 2):
        run(pictures(count))
    assert tape.recorded == [8, 4, 1, 2] and tape.played == [8, 8, 4, 4, 4, 1, 2 + 2, 2]


def test_a_larger_size_is_recorded_at_once() -> None:
    tape = Tape()
    run = captured(tape)
    for count in (1, 2, 4):
        run(pictures(count))
    assert tape.recorded == tape.played == [1, 2, 4]


def test_pictures_of_another_size_have_their_own() -> None:
    tape = Tape()
    run = captured(tape)
    for side in (8, 16, 8):
        assert torch.equal(run(pictures(2, side=side)), network(pictures(2, side=side)))
    assert tape.recorded == [2, 2] and len(tape.played) == 3


def test_recordings_are_few_whatever_comes() -> None:
    tape = Tape(room=100)
    run = captured(tape)
    for count in range(1, 20):
        run(pictures(count))
    assert len(run._recordings) <= 6
    # The smallest was dropped; it is recorded anew if it comes again and again.
    run(pictures(1))
    run(pictures(1))
    assert tape.recorded[-1] == 1


def test_memory_that_runs_out_is_told_on_and_leaves_nothing() -> None:
    tape, told = Tape(room=4), list[str]()
    run = captured(tape, told)
    run(pictures(2))
    assert tape.kept == 1
    with pytest.raises(torch.OutOfMemoryError):
        run(pictures(8))
    assert tape.kept == 0 and told == []
    # Whoever asked comes back with fewer.
    assert torch.equal(run(pictures(4)), network(pictures(4)))
    assert tape.recorded == [2, 4]


def test_memory_counts_as_the_reason_where_ending_the_recording_fails_too() -> None:
    def fault() -> Exception:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError:
            try:
                raise RuntimeError("operation failed due to a previous error during capture")
            except RuntimeError as error:
                return error

    told: list[str] = []
    with pytest.raises(torch.OutOfMemoryError):
        captured(Tape(fault=fault), told)(pictures(2))
    assert told == []


def test_what_cannot_be_recorded_runs_without_and_says_so_once() -> None:
    tape, told = Tape(fault=lambda: RuntimeError("operation not permitted when stream is capturing\nmore")), list[str]()
    run = captured(tape, told)
    for count in (2, 2, 1):
        assert torch.equal(run(pictures(count)), network(pictures(count)))
    assert told == [
        "the network's launches cannot be recorded (operation not permitted when stream is capturing): going on without"
    ]


def test_whichever_thread_comes_plays_the_same_recording() -> None:
    tape = Tape()
    run = captured(tape)
    results: dict[int, Tensor] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: results.update({seed: run(pictures(4) * seed)})) for seed in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tape.recorded == [4]
    assert all(torch.equal(results[seed], network(pictures(4) * seed)) for seed in range(8))


def test_no_two_recordings_are_made_at_once() -> None:
    """Of whatever, in a process: making one waits for all that the device does."""
    making = threading.Lock()

    class Alone(Tape):
        def record(self, work: Run, example: Tensor) -> Run:
            assert making.acquire(blocking=False), "two at once"
            try:
                return super().record(work, example)
            finally:
                making.release()

    runs = [Captured(network, Alone(), [].append) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda run: run(pictures(2)), runs))
    assert all(torch.equal(each, network(pictures(2))) for each in made)


def test_closing_twice_is_fine() -> None:
    tape = Tape()
    run = captured(tape)
    run(pictures(2))
    run.close()
    run.close()
    assert tape.kept == 0
