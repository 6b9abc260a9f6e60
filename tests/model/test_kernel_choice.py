"""A kernel is taken where it is right and not slower, and nothing is measured twice."""

from collections.abc import Callable

import pytest
import torch
from birefnet_video.model import kernel_choice as module
from birefnet_video.model.kernel_choice import KernelChoice
from birefnet_video.model.rewrites.windows import WindowCase
from torch import Tensor

RIGHT = torch.linspace(-2, 2, 12).view(1, 3, 4)


def case(*, device: str = "cpu", dtype: torch.dtype = torch.float16, magnitude: int = 5) -> WindowCase:
    return WindowCase(
        device=torch.device(device),
        dtype=dtype,
        window=(7, 7),
        heads=3,
        head_dim=32,
        is_shifted=True,
        is_padded=False,
        magnitude=magnitude,
    )


class Way:
    """A way that counts how often it went."""

    def __init__(self, takes: float, result: Tensor = RIGHT) -> None:
        self.takes, self.result, self.went = takes, result, 0

    def __call__(self) -> Tensor:
        self.went += 1
        return self.result


def clock(way: Callable[[], Tensor], device: torch.device) -> float:
    assert isinstance(way, Way) and device.type == "cpu"
    way()
    return way.takes


@pytest.fixture(autouse=True)
def has_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())


@pytest.mark.parametrize(("takes", "expected"), [(1.0, True), (2.0, True), (2.1, False)])
def test_the_faster_of_two_right_ways_is_taken(takes: float, expected: bool) -> None:
    choice, told = KernelChoice("window attention", clock), []
    choice.tell = told.append
    operators, kernel = Way(2.0), Way(takes)
    assert choice.takes_kernel(case(), operators, kernel) is expected
    assert choice.verdicts[case()].why == f"kernel {takes:.3g} ms, operators 2 ms"
    # That PyTorch is faster is no news for users.
    assert not told


def test_a_case_is_measured_once() -> None:
    choice = KernelChoice("window attention", clock)
    operators, kernel = Way(2.0), Way(1.0)
    for _ in range(3):
        assert choice.takes_kernel(case(), operators, kernel)
    went = operators.went, kernel.went
    assert choice.takes_kernel(case(), operators, kernel) and (operators.went, kernel.went) == went
    choice.takes_kernel(case(magnitude=6), operators, kernel)
    assert operators.went == 2 * went[0] and len(choice.verdicts) == 2


def test_half_of_a_digit_of_half_precision_is_no_fault() -> None:
    assert KernelChoice("window attention", clock).takes_kernel(case(), Way(2.0), Way(1.0, RIGHT.half().float()))


@pytest.mark.parametrize("wrong", [RIGHT + 0.1, RIGHT * torch.nan], ids=["off", "nan"])
def test_a_kernel_that_is_wrong_is_not_taken_and_told_of_once(wrong: Tensor) -> None:
    choice, told = KernelChoice("window attention", clock), []
    choice.tell = told.append
    for magnitude in (5, 6):
        assert not choice.takes_kernel(case(magnitude=magnitude), Way(2.0), Way(1.0, wrong))
    assert len(told) == 1 and "its results are wrong by" in told[0] and "standard operators are" in told[0]


def failing(error: Exception) -> Callable[[], Tensor]:
    def way() -> Tensor:
        raise error

    return way


def test_a_kernel_that_does_not_run_is_not_taken_and_told_of_once() -> None:
    choice, told = KernelChoice("window attention", clock), []
    choice.tell = told.append
    for magnitude in (5, 6):
        assert not choice.takes_kernel(case(magnitude=magnitude), Way(2.0), failing(RuntimeError("too old\nat 0x0")))
    assert told == ["Triton's window attention is not used on cpu (too old): standard operators are"]
    assert not choice.takes_kernel(case(), Way(2.0), Way(1.0))


def test_want_of_memory_is_no_verdict() -> None:
    choice = KernelChoice("window attention", clock)
    with pytest.raises(torch.OutOfMemoryError):
        choice.takes_kernel(case(), Way(2.0), failing(torch.OutOfMemoryError("full")))
    assert not choice.verdicts and choice.takes_kernel(case(), Way(2.0), Way(1.0))


def test_without_triton_nothing_runs_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    choice, told = KernelChoice("window attention", clock), []
    choice.tell = told.append
    operators, kernel = Way(2.0), Way(1.0)
    assert not choice.takes_kernel(case(), operators, kernel)
    assert (operators.went, kernel.went) == (0, 0) and "Triton is not installed" in told[0]


def test_inside_a_capture_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    choice = KernelChoice("window attention", lambda way, device: float(way is operators))
    operators, kernel = Way(2.0), Way(1.0)
    assert not choice.takes_kernel(case(device="cuda:0"), operators, kernel)
    assert not choice.verdicts and not operators.went
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert choice.takes_kernel(case(device="cuda:0"), operators, kernel)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert choice.takes_kernel(case(device="cuda:0"), operators, kernel)


def test_of_several_results_all_must_be_right() -> None:
    choice = KernelChoice("sum", clock)

    def both(takes: float, second: Tensor) -> Way:
        return Way(takes, (RIGHT, second))  # type: ignore[arg-type]

    assert choice.takes_kernel(case(magnitude=1), both(2.0, RIGHT), both(1.0, RIGHT))
    for magnitude, wrong in enumerate((RIGHT + 0.1, RIGHT * torch.nan), 2):
        assert not choice.takes_kernel(case(magnitude=magnitude), both(2.0, RIGHT), both(1.0, wrong))
