"""Smoothing makes mattes steadier and no worse, along motion, never across a cut."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
import torch
from birefnet_video.model.evaluation.video import flicker_error
from moving import HEIGHT, WIDTH, Clip, make_clip, texture

from birefnet_video import smooth_alphas
from birefnet_video.errors import UsageError
from birefnet_video.matting.device_plane import DevicePlane
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.temporal.flicker import FlickerGauge
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.smoothing import make_smoother
from birefnet_video.matting.temporal.votes import View, make_view
from birefnet_video.matting.temporal.warp import Step, make_step
from birefnet_video.pipeline import smoothing as module
from birefnet_video.pipeline.smoothing import Heard, Where, steady_alphas
from birefnet_video.types import Motion


class FlowOfTheCpu:
    """Stands for flow on a GPU: OpenCV's."""

    def __init__(self, shape: tuple[int, int], device: torch.device, *, thorough: bool) -> None:
        self.device = device
        self._home = MotionEstimator(*shape, thorough=thorough)
        self.look = self._home.look

    def begin(self, earlier: np.ndarray, later: np.ndarray) -> Callable[[], Motion]:
        return lambda: self._home.between(earlier, later)


@contextmanager
def flow_of_the_cpu(
    shape: tuple[int, int], device: torch.device, tell: Callable[[str], None], *, thorough: bool
) -> Iterator[FlowOfTheCpu]:
    yield FlowOfTheCpu(shape, device, thorough=thorough)


MODES = ("live", "normal", "high")
CPU = torch.device("cpu")
STEP = 1 / 255


def smooth(clip: Clip, mode: str) -> list[np.ndarray]:
    return list(smooth_alphas(clip.rgb, clip.found, mode))  # type: ignore[arg-type]


def flicker(alphas: list[np.ndarray], truth: list[np.ndarray], frames: range) -> float:
    pairs = list(zip(pairwise(alphas), pairwise(truth), strict=True))
    return float(np.mean([flicker_error(b, a, d, c) for (a, b), (c, d) in (pairs[i - 1] for i in frames)]))


def error(alphas: list[np.ndarray], truth: list[np.ndarray], frames: range) -> float:
    return float(np.mean([np.abs(alphas[i] - truth[i]).mean() for i in frames]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("speed", "most_flicker", "most_error"), [(0, 0.35, 0.95), (1.5, 0.85, 1.0), (8, 0.97, 1.1)], ids=str
)
def test_mattes_get_steadier_and_no_worse(mode: str, speed: float, most_flicker: float, most_error: float) -> None:
    clip, frames = make_clip(12, speed), range(4, 9)
    result = smooth(clip, mode)
    assert flicker(result, clip.truth, frames) <= most_flicker * flicker(clip.found, clip.truth, frames)
    assert error(result, clip.truth, frames) <= most_error * error(clip.found, clip.truth, frames)


@pytest.mark.parametrize("mode", MODES)
def test_a_frame_whose_matte_is_missing_is_filled(mode: str) -> None:
    clip = make_clip(10, 3, missing=(5,))
    result = smooth(clip, mode)
    assert error(result, clip.truth, range(5, 6)) < 0.2 * error(clip.found, clip.truth, range(5, 6))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("failing", "stay"), [(0, True), (6, False), (11, True)])
def test_out_of_memory_is_said_and_no_matte_is_lost(
    mode: str, failing: int, stay: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU that is not there: its tensors lie on the CPU, until there is no room for one more."""
    clip = make_clip(12, 2)
    seen: list[int] = []
    real_view, real_step = module.make_view, module.make_step

    def view(rgb: np.ndarray, alpha: np.ndarray, device: torch.device) -> View:
        seen.append(0)
        if device.type == "cuda" and len(seen) > failing:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real_view(rgb, alpha, CPU)

    monkeypatch.setattr(module, "make_view", view)
    monkeypatch.setattr(module, "recorded_estimator", flow_of_the_cpu)
    monkeypatch.setattr(module, "is_sooner_there", lambda *_: True)
    monkeypatch.setattr(module, "make_step", lambda motion, size, device: real_step(motion, size, CPU))
    told: list[str] = []
    gauges = FlickerGauge(), FlickerGauge()
    items = list(zip(range(12), clip.rgb, clip.found, strict=True))
    given = list(
        steady_alphas(
            items,
            lambda item: item[1:],
            (WIDTH, HEIGHT),
            mode,  # type: ignore[arg-type]
            where=Where("cuda", stay=stay),
            heard=Heard(gauges=gauges, tell=told.append),
        )
    )
    assert [item[0] for item, _ in given] == list(range(12))
    assert told == ["cuda: out of memory for mattes: up to the next cut they are smoothed on the CPU"]
    # What was made before stays there, if it may; what the CPU makes is at home.
    stayed = [isinstance(alpha, DevicePlane) for _, alpha in given]
    assert not any(stayed[failing:]) and any(stayed) == (stay and failing == 11)
    alphas = [at_home(alpha) for _, alpha in given]
    # The frame that failed comes as it was found, and those after it are steady again.
    assert np.array_equal(alphas[failing], clip.found[failing])
    assert all(np.abs(alpha - clip.truth[index]).mean() < 0.1 for index, alpha in enumerate(alphas))
    assert gauges[0].value is not None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("room", [True, False], ids=["room again", "no room ever"])
def test_after_a_cut_mattes_are_smoothed_on_the_device_again(
    mode: str, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = [make_clip(5, 2, seed=seed) for seed in (0, 50, 100, 150)]
    seen = [each for shot in shots for each in zip(shot.rgb, shot.found, strict=True)]
    items = [(index, *each) for index, each in enumerate(seen)]
    used: list[str] = []
    real_view, real_step = module.make_view, module.make_step

    def view(rgb: np.ndarray, alpha: np.ndarray, device: torch.device) -> View:
        used.append(device.type)
        if device.type == "cuda" and (len(used) == 2 or not room):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real_view(rgb, alpha, CPU)

    monkeypatch.setattr(module, "make_view", view)
    monkeypatch.setattr(module, "recorded_estimator", flow_of_the_cpu)
    monkeypatch.setattr(module, "is_sooner_there", lambda *_: True)
    monkeypatch.setattr(module, "make_step", lambda motion, size, device: real_step(motion, size, CPU))

    def steady(device: str, tell: list[str]) -> list[tuple[tuple[int, np.ndarray, np.ndarray], np.ndarray]]:
        heard = Heard(tell=tell.append)  # type: ignore[var-annotated]
        where = Where(device)
        return list(steady_alphas(items, lambda item: item[1:], (WIDTH, HEIGHT), mode, where=where, heard=heard))  # type: ignore[arg-type]

    expected = steady("cpu", [])
    used.clear()
    told: list[str] = []
    given = steady("cuda", told)
    assert [item[0] for item, _ in given] == list(range(20))
    failed, back = ("cuda: out of memory for mattes: {} smoothed on the CPU", "cuda: mattes are smoothed there again")
    until, rest = failed.format("up to the next cut they are"), failed.format("the rest is")
    if room:
        # The second frame failed; from the first cut on all is as if nothing had happened.
        assert told == [until, back] and used == ["cuda"] * 2 + ["cpu"] * 3 + ["cuda"] * 15
        pairs = zip(given[5:], expected[5:], strict=True)
        assert all(np.array_equal(alpha, other) for (_, alpha), (_, other) in pairs)
    else:
        assert told == [until, back, until, back, rest]
        assert used.count("cuda") == 3 and used[-5:] == ["cpu"] * 5


@pytest.mark.parametrize("mode", MODES)
def test_a_clip_cut_in_two_gives_what_its_parts_give(mode: str) -> None:
    first, second = make_clip(7, 2, seed=0), make_clip(7, 2, seed=50)
    cuts: list[int] = []
    items = list(zip(range(14), first.rgb + second.rgb, first.found + second.found, strict=True))
    whole = [
        alpha
        for _, alpha in steady_alphas(
            items,
            lambda item: item[1:],
            (WIDTH, HEIGHT),
            mode,  # type: ignore[arg-type]
            where=Where(workers=2),
            heard=Heard(on_cut=lambda item: cuts.append(item[0])),
        )
    ]
    assert cuts == [7]
    assert np.abs(np.array(whole) - np.array(smooth(first, mode) + smooth(second, mode))).max() <= STEP


def _cuts(pictures: list[np.ndarray]) -> list[int]:
    estimator = MotionEstimator(WIDTH, HEIGHT)
    seen = [estimator.look(picture) for picture in pictures]
    return [index + 1 for index, pair in enumerate(pairwise(seen)) if estimator.between(*pair).is_cut]


def test_what_is_no_cut_is_not_called_one() -> None:
    rng = np.random.default_rng(3)
    wide = texture(9).astype(np.uint8)
    pan = [wide[:HEIGHT, 20 * index : 20 * index + WIDTH] for index in range(8)]
    assert not _cuts(pan)
    fade = [(wide[:HEIGHT, :WIDTH] * share).astype(np.uint8) for share in np.linspace(1, 0, 12)]
    assert not _cuts(fade)
    dark = [rng.normal(12, 3, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8) for _ in range(6)]
    grain = [rng.normal(60, 25, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8) for _ in range(4)]
    dissolve = [(fade[0] * (1 - t) + wide[HEIGHT:, WIDTH:] * t).astype(np.uint8) for t in np.linspace(0, 1, 12)]
    assert not _cuts(dissolve)
    assert not _cuts([np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 4)
    assert not _cuts(dark)
    assert not _cuts(grain)


def test_what_does_not_continue_is_not_smoothed_across() -> None:
    """A card of flat grey before a scene of the same mean; a fade that ends in black is no cut."""
    scene = make_clip(4, 2)
    grey = round(float(np.mean([rgb.mean() for rgb in scene.rgb])))
    card, empty = np.full((HEIGHT, WIDTH, 3), grey, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    assert _cuts([card, *scene.rgb, card]) == [1, 5]
    for mode in MODES:
        mattes = list(smooth_alphas([card, *scene.rgb, card], [empty, *scene.found, empty], mode))  # type: ignore[arg-type]
        assert mattes[0].max() == 0 and mattes[-1].max() == 0
    dim = [(rgb * 0.06).astype(np.uint8) for rgb in scene.rgb]
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for mode in MODES:
        mattes = list(smooth_alphas([black, *dim, black], [empty, *scene.found, empty], mode))  # type: ignore[arg-type]
        assert mattes[0].max() == 0 and mattes[-1].max() == 0


@pytest.mark.parametrize("mode", MODES)
def test_arrays_belong_to_whoever_has_them(mode: str) -> None:
    clip = make_clip(7, 2)
    expected, given = smooth(clip, mode), [alpha.copy() for alpha in clip.found]
    buffer = np.empty_like(given[0])

    def reused() -> "list[np.ndarray]":
        for alpha in given:
            buffer[:] = alpha
            yield buffer  # type: ignore[misc]

    for alpha, meant in zip(smooth_alphas(clip.rgb, reused(), mode), expected, strict=True):  # type: ignore[arg-type]
        assert np.array_equal(alpha, meant)
        alpha *= 255
    assert all(np.array_equal(a, b) for a, b in zip(given, clip.found, strict=True))


def test_cuts_to_and_from_black_are_found() -> None:
    scene, black = make_clip(3, 2).rgb, np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert _cuts([*scene, black, black, *scene]) == [3, 5]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_matte_over_a_still_clip_stays(mode: str, value: float) -> None:
    rgb = [make_clip(1, 0).rgb[0]] * 7
    alphas = [np.full((HEIGHT, WIDTH), value, np.float32)] * 7
    for alpha in smooth_alphas(rgb, alphas, mode):  # type: ignore[arg-type]
        assert np.abs(alpha - value).max() <= STEP


@pytest.mark.parametrize("mode", MODES)
def test_soft_edges_stay_soft_and_empty_frames_empty(mode: str) -> None:
    rgb = [make_clip(1, 0).rgb[0]] * 6
    ramp = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    assert all(np.abs(alpha - ramp).max() <= STEP for alpha in smooth_alphas(rgb, [ramp] * 6, mode))  # type: ignore[arg-type]
    faint = [np.full((HEIGHT, WIDTH), 0.01 * (index % 2), np.float32) for index in range(6)]
    assert all(alpha.max() <= 0.01 for alpha in smooth_alphas(rgb, faint, mode))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5])
def test_every_frame_gives_one_matte(mode: str, frames: int) -> None:
    clip = make_clip(max(frames, 1), 2)
    result = list(smooth_alphas(clip.rgb[:frames], clip.found[:frames], mode))  # type: ignore[arg-type]
    assert len(result) == frames
    assert all(alpha.dtype == np.float32 and alpha.min() >= 0 and alpha.max() <= 1 for alpha in result)


def test_frames_need_not_have_the_size_of_the_mattes() -> None:
    clip = make_clip(6, 2)
    half = [alpha[::2, ::2].copy() for alpha in clip.found]
    result = list(smooth_alphas(clip.rgb, half))
    assert result[0].shape == half[0].shape
    assert error(result, [alpha[::2, ::2] for alpha in clip.truth], range(2, 5)) < error(
        half, [alpha[::2, ::2] for alpha in clip.truth], range(2, 5)
    )


def test_off_gives_mattes_back_as_they_came() -> None:
    clip = make_clip(3, 2)
    assert all(a is b for a, b in zip(smooth_alphas(clip.rgb, clip.found, "off"), clip.found, strict=True))


def test_what_does_not_fit_is_refused() -> None:
    clip = make_clip(3, 2)
    with pytest.raises(UsageError, match="mode"):
        smooth_alphas(clip.rgb, clip.found, "much")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shorter"):
        list(smooth_alphas(clip.rgb, clip.found[:2]))
    with pytest.raises(ValueError, match="frames: expected uint8"):
        list(smooth_alphas([rgb[..., 0] for rgb in clip.rgb], clip.found))
    with pytest.raises(ValueError, match="alphas: expected float32"):
        list(smooth_alphas(clip.rgb, [alpha.astype(np.float64) for alpha in clip.found]))


def _steps(clip: Clip) -> list[Step | None]:
    estimator = MotionEstimator(WIDTH, HEIGHT)
    seen = [estimator.look(rgb) for rgb in clip.rgb]
    return [None, *(make_step(estimator.between(*pair), (HEIGHT, WIDTH), CPU) for pair in pairwise(seen))]


@pytest.mark.parametrize("mode", MODES)
def test_a_state_is_a_value(mode: str) -> None:
    """A stretch of a clip can be rendered again from any state, and memory does not grow."""
    clip = make_clip(14, 2)
    views = [make_view(rgb, alpha, CPU) for rgb, alpha in zip(clip.rgb, clip.found, strict=True)]
    steps, smoother = _steps(clip), make_smoother(mode)  # type: ignore[arg-type]
    state, given = smoother.start(), []
    for index in range(8):
        state, ready = smoother.push(state, views[index], steps[index])
        given += ready
    assert len(given) == 8 - smoother.delay
    runs = []
    for _ in range(2):
        branch, rest = state, []
        for index in range(8, 14):
            branch, ready = smoother.push(branch, views[index], steps[index])
            rest += ready
        runs.append(rest + smoother.finish(branch))
    assert len(runs[0]) == 6 + smoother.delay
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    if mode != "live":
        assert all(len(window.views) <= 2 * smoother.delay + 1 for window in branch)


def test_live_gives_every_frame_at_once() -> None:
    clip = make_clip(5, 2)
    seen = 0

    def counted() -> "list[np.ndarray]":
        nonlocal seen
        for alpha in clip.found:
            seen += 1
            yield alpha  # type: ignore[misc]

    for number, _ in enumerate(smooth_alphas(clip.rgb, counted(), "live"), 1):
        assert seen <= number + 2  # the pair whose motion is being found, and the one that is waited for


def test_flicker_is_what_motion_does_not_explain() -> None:
    clip = make_clip(8, 4)
    values = []
    for alphas in (clip.truth, clip.found):
        gauge = FlickerGauge()
        assert gauge.value is None
        for alpha, step in zip(alphas, _steps(clip), strict=True):
            gauge.add(torch.from_numpy(alpha)[None, None], step)
        assert gauge.value is not None
        values.append(gauge.value)
    assert values[0] < 0.5 * values[1]


@pytest.mark.parametrize("mode", MODES)
def test_mattes_come_home_once_those_that_are_ready_together(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, calls, real = make_clip(7, 2), list[int](), module.fetched
    waited: list[str] = []

    def noted(tensors: Sequence[torch.Tensor]) -> list[np.ndarray]:
        calls.append(len(tensors))
        return real(tensors)

    monkeypatch.setattr(module, "fetched", noted)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: waited.append("cpu") or self)
    assert len(smooth(clip, mode)) == 7
    assert sum(calls) == 7 and all(calls) and not waited
    # Looking ahead leaves some for the end, which come as one.
    assert len(calls) == (7 if mode == "live" else 8 - calls[-1])
