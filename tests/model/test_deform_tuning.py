"""The fastest blocks of the kernel of deformable convolution are found once for a kind of map, and remembered."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from birefnet_video.model import BiRefNet
from birefnet_video.model.config import PRESETS
from birefnet_video.model.deform import DeformableConv2d, MergedDeformableConv2d
from birefnet_video.model.deform_tuning import FULL, HALF, Configuration, DeformCase, DeformTuning, configurations
from birefnet_video.model.optimize import optimize
from torch import Tensor, nn

from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.kernel_memory import remember_kernels

RIGHT = torch.linspace(-1, 1, 12)


def case(*, device: str = "cpu", dtype: torch.dtype = torch.float16, magnitude: int = 9) -> DeformCase:
    return DeformCase(torch.device(device), dtype, 64, 256, 49, magnitude)


class Card:
    """Takes its time by configuration, and counts."""

    def __init__(
        self, times: Mapping[Configuration, float], results: Mapping[Configuration, Tensor | Exception]
    ) -> None:
        self._times, self._results, self.ran = times, results, list[Configuration]()

    def run(self, each: Configuration) -> Tensor:
        self.ran.append(each)
        result = self._results.get(each, RIGHT)
        if isinstance(result, Exception):
            raise result
        return result

    def clock(self, way: Callable[[], object], device: torch.device) -> float:
        way()
        return self._times[self.ran[-1]]


TIMES = dict(zip(HALF, (3.0, 1.0, 2.0), strict=True))


def test_the_fastest_is_taken_and_tried_once() -> None:
    card = Card(TIMES, {})
    tuning, kept = DeformTuning(card.clock), list[dict[str, list[int]]]()
    tuning.keep = lambda known: kept.append(dict(known))
    assert tuning.pick(case(), card.run) == HALF[1]
    tries = len(card.ran)
    assert set(card.ran) == set(HALF) and kept == [{case().name: list(HALF[1])}]
    assert tuning.pick(case(), card.run) == HALF[1] and len(card.ran) == tries
    assert tuning.pick(case(magnitude=10), card.run) == HALF[1] and len(card.ran) == 2 * tries


@pytest.mark.parametrize(
    "bad",
    [RIGHT + 0.1, RIGHT * torch.nan, RuntimeError("out of resource: shared memory")],
    ids=["wrong", "no numbers", "does not fit"],
)
def test_what_is_wrong_or_does_not_run_is_passed_over(bad: Tensor | Exception) -> None:
    card = Card(TIMES, {HALF[1]: bad})
    assert DeformTuning(card.clock).pick(case(), card.run) == HALF[2]


def test_want_of_memory_is_no_verdict() -> None:
    card = Card(TIMES, {HALF[2]: torch.OutOfMemoryError("full")})
    tuning = DeformTuning(card.clock)
    with pytest.raises(torch.OutOfMemoryError):
        tuning.pick(case(), card.run)
    assert not tuning.known


def test_inside_a_capture_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    card = Card(TIMES, {})
    tuning = DeformTuning(card.clock)
    assert tuning.pick(case(device="cuda:0"), card.run) == HALF[0] and not card.ran and not tuning.known
    tuning.known[case().name] = list(HALF[2])
    assert tuning.pick(case(device="cuda:0"), card.run) == HALF[2]


def test_blocks_are_not_much_wider_than_the_output() -> None:
    assert configurations(torch.float16, 256) == HALF and configurations(torch.float32, 256) == FULL
    assert HALF[1] not in configurations(torch.float16, 64)
    assert configurations(torch.bfloat16, 1) == HALF[:1]


def test_what_was_found_is_known_at_the_next_start(tmp_path: Path) -> None:
    def started(machine: str) -> MergedDeformableConv2d:
        conv = MergedDeformableConv2d(DeformableConv2d(8, 4, 1))
        remember_kernels(nn.Sequential(conv), EngineCache(tmp_path), {"device": machine})
        return conv

    card = Card(TIMES, {})
    first = started("one")
    first.tuning._clock = card.clock
    first.tuning.pick(case(), card.run)
    ran = len(card.ran)
    assert started("one").tuning.pick(case(), card.run) == HALF[1] and len(card.ran) == ran
    assert not started("another").tuning.known


@pytest.mark.parametrize("said", ['["a"]', '{"float16 64 to 256, 49 taps, 2^9 pixels": [1, 2, 3, 4]}', "{"])
def test_a_note_that_makes_no_sense_is_as_none(said: str, tmp_path: Path) -> None:
    cache, machine = EngineCache(tmp_path), {"device": "one"}
    folder = cache.folder("kernels", machine)
    folder.mkdir(parents=True)
    (folder / "deform.json").write_text(said)
    conv, card = MergedDeformableConv2d(DeformableConv2d(8, 4, 1)), Card(TIMES, {})
    conv.tuning._clock = card.clock
    remember_kernels(conv, cache, machine)
    assert conv.tuning.pick(case(), card.run) == HALF[1]


def test_convolutions_of_a_network_share_what_is_found() -> None:
    net = optimize(BiRefNet(PRESETS["swin_v1_t"]))
    found = [each.tuning for each in net.modules() if isinstance(each, MergedDeformableConv2d)]
    assert len(found) > 3 and len({id(each) for each in found}) == 1
