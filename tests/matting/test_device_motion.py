"""Flow by torch's operators is as good as OpenCV's: in pixels, for cuts and for mattes; and it never waits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from birefnet_video.model.evaluation.video import flicker_error
from capturing import Seen
from moving import HEIGHT, WIDTH, make_clip, texture
from tape import Tape
from torch._subclasses.fake_tensor import FakeTensorMode

from birefnet_video.backends.captured import Captured
from birefnet_video.backends.growing import Growing
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator, motion_of_pair
from birefnet_video.matting.temporal.search import dense_flow
from birefnet_video.matting.temporal.warp import DeviceMotion, make_step
from birefnet_video.pipeline import device_motions, smoothing
from birefnet_video.pipeline.device_motions import is_sooner_there, recorded_estimator, with_motion_there
from birefnet_video.pipeline.smoothing import Where, steady_alphas

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """As the stage has it: small operators on several cores mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


#: A vector may be worse than OpenCV's by this share and these pixels, in the mean.
SHARE, PIXELS = 1.2, 0.05
#: Steady mattes may be worse than with OpenCV's flow by this share, in flicker and in error.
WORSE = 1.1


def moved(kind: str, amount: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two grey pictures uint8 (H, W), and the motion between them (H, W, 2)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    plane = texture(5).mean(2)
    rng = np.random.default_rng(0)
    if kind == "shift":
        way = np.dstack((np.full_like(rows, amount), np.full_like(rows, amount / 3)))
    elif kind == "zoom":
        way = np.dstack(((columns - WIDTH / 2) * amount, (rows - HEIGHT / 2) * amount))
    else:
        way = np.dstack((-(rows - HEIGHT / 2) * amount, (columns - WIDTH / 2) * amount))
    middle = plane[HEIGHT // 2 :, WIDTH // 2 :][:HEIGHT, :WIDTH]
    seen = cv2.remap(plane, columns - way[..., 0] + WIDTH // 2, rows - way[..., 1] + HEIGHT // 2, cv2.INTER_CUBIC)
    noisy = [(part + rng.normal(0, 2, part.shape)).clip(0, 255).astype(np.uint8) for part in (middle, seen)]
    return noisy[0], noisy[1], way


def found(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By torch's operators, (H, W, 2)."""
    one, other = (torch.from_numpy(grey)[None, None].float() for grey in (first, second))
    return dense_flow(one, other)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("kind", "amount"), [("shift", 0.0), ("shift", 1.3), ("shift", 9.0), ("zoom", 0.03), ("turn", 0.03)]
)
def test_vectors_are_as_near_to_the_truth_as_those_of_opencv(kind: str, amount: float) -> None:
    first, second, way = moved(kind, amount)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setPatchStride(4)
    search.setGradientDescentIterations(16)
    search.setVariationalRefinementIterations(0)
    by_opencv = search.calc(first, second, None)
    ours, theirs = (np.linalg.norm(flow - way, axis=2).mean() for flow in (found(first, second), by_opencv))
    assert ours <= SHARE * theirs + PIXELS
    # And both say the same, but for what comes in at the border.
    inside = np.linalg.norm(found(first, second) - by_opencv, axis=2)[12:-12, 12:-12]
    assert np.median(inside) < 0.15


def test_pictures_of_any_shape_have_flow() -> None:
    for height, width in ((32, 32), (33, 480), (270, 35)):
        first = torch.rand(2, 1, height, width) * 255
        flow = dense_flow(first, first)
        assert flow.shape == (2, 2, height, width) and flow.abs().max() < 0.01


def test_pairs_of_a_batch_do_not_touch_each_other() -> None:
    pairs = [moved("shift", 2.0)[:2], moved("turn", 0.02)[:2]]
    batch = [torch.from_numpy(np.stack(side))[:, None].float() for side in zip(*pairs, strict=True)]
    together = dense_flow(*batch).permute(0, 2, 3, 1).numpy()
    for flow, pair in zip(together, pairs, strict=True):
        np.testing.assert_allclose(flow, found(*pair), atol=1e-3)


def test_nothing_waits_for_the_device_and_all_of_it_can_be_recorded() -> None:
    with FakeTensorMode(), Seen() as seen:
        grey = torch.empty(2, 1, 96, 64, device="cuda")
        found = motion_of_pair(grey, stride=3, steps=8)
    assert not seen.bad and seen.count > 100 and found.device.type == "cuda"


def test_cuts_are_those_that_opencv_finds() -> None:
    scene, other = make_clip(3, 2), make_clip(3, 6, seed=50)
    black, grey = (np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (0, 90))
    faded = [(scene.rgb[2] * share).astype(np.uint8) for share in (0.5, 0.2, 0.05)]
    pictures = [*scene.rgb, *other.rgb, black, black, *scene.rgb, *faded, black, grey, *other.rgb]
    home, there = MotionEstimator(WIDTH, HEIGHT), DeviceMotionEstimator(WIDTH, HEIGHT, CPU)
    for one, next_one in pairwise([home.look(picture) for picture in pictures]):
        expected, motion = home.between(one, next_one), there.begin(one, next_one)()
        assert (motion.is_cut, motion.continues) == (expected.is_cut, expected.continues)
        assert motion.forward.there.shape[2:] == expected.forward.shape[:2]


def estimator(
    shape: tuple[int, int] = (WIDTH, HEIGHT),
    tape: Tape | None = None,
    told: list[str] | None = None,
    *,
    thorough: bool = False,
) -> AbstractContextManager[DeviceMotionEstimator]:
    """Records on the CPU as CUDA graphs are recorded."""
    tell = (told if told is not None else []).append
    return recorded_estimator(shape, CPU, tell, thorough=thorough, recorder=lambda device: tape or Tape())


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant for a GPU that is not there is done on the CPU."""
    real_view, real_step = smoothing.make_view, smoothing.make_step
    monkeypatch.setattr(smoothing, "make_view", lambda rgb, alpha, device: real_view(rgb, alpha, CPU))
    monkeypatch.setattr(smoothing, "make_step", lambda motion, size, device: real_step(motion, size, CPU))
    monkeypatch.setattr(
        smoothing, "recorded_estimator", lambda shape, device, tell, thorough: estimator(shape, thorough=thorough)
    )
    monkeypatch.setattr(smoothing, "is_sooner_there", lambda *_: True)


@pytest.mark.parametrize(("mode", "speed"), [("normal", 0), ("normal", 8), ("high", 1.5), ("live", 8)])
@pytest.mark.usefixtures("on_the_cpu")
def test_mattes_are_as_steady_as_with_flow_by_opencv(mode: str, speed: float) -> None:
    clip = make_clip(12, speed)
    items = list(zip(range(12), clip.rgb, clip.found, strict=True))

    def worth(device: str) -> tuple[float, float]:
        given = list(steady_alphas(items, lambda item: item[1:], (WIDTH, HEIGHT), mode, where=Where(device)))  # type: ignore[arg-type]
        assert [item[0] for item, _ in given] == list(range(12))
        alphas = [at_home(alpha) for _, alpha in given]
        frames = range(4, 9)
        flicker = [flicker_error(alphas[i], alphas[i - 1], clip.truth[i], clip.truth[i - 1]) for i in frames]
        return float(np.mean(flicker)), float(np.mean([np.abs(alphas[i] - clip.truth[i]).mean() for i in frames]))

    for ours, theirs in zip(worth("cuda"), worth("cpu"), strict=True):
        assert ours <= WORSE * theirs


class Full:
    """An estimator whose device has no memory for some pairs."""

    device = torch.device("cuda")

    def __init__(self, failing: set[int]) -> None:
        self._failing, self.begun, self.waited = failing, 0, 0
        self.look: Callable[[np.ndarray], np.ndarray] = MotionEstimator(WIDTH, HEIGHT).look

    def begin(self, earlier: np.ndarray, later: np.ndarray) -> Callable[[], str]:
        self.begun += 1
        if self.begun in self._failing:
            raise torch.OutOfMemoryError("CUDA out of memory")

        def collect(number: int = self.begun) -> str:
            self.waited += 1
            return f"motion {number}"

        return collect


@pytest.mark.parametrize(
    ("failing", "expected"),
    # Which motion each pair has; 0: of the CPU, for two pairs the first time and for four the second.
    [(set(), [1, 2, 3, 4, 5, 6, 7, 8, 9]), ({1}, [0, 0, 2, 3, 4, 5, 6, 7, 8]), ({2, 3}, [1, 0, 0, 0, 0, 0, 0, 4, 5])],
)
def test_motion_that_has_no_room_is_found_on_the_cpu(
    failing: set[int], expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_motions, "Growing", lambda: Growing(2, 8))
    clip, estimator, told = make_clip(10, 2), Full(failing), list[str]()
    moved = with_motion_there(
        enumerate(clip.rgb),
        lambda item: item[1],
        estimator,  # type: ignore[arg-type]
        MotionEstimator(WIDTH, HEIGHT),
        told.append,
    )
    given = [(item[0], motion) for item, motion in moved]
    assert [index for index, _ in given] == list(range(10)) and given[0][1] is None
    for number, (_, motion) in zip(expected, given[1:], strict=True):
        assert motion == f"motion {number}" if number else not motion.is_cut  # type: ignore[comparison-overlap, union-attr]
    assert told == (["cuda: out of memory for motion: some of it is found on the CPU"] if failing else [])


def test_a_pair_is_begun_before_the_one_before_is_waited_for() -> None:
    clip, estimator = make_clip(5, 2), Full(set())
    home = MotionEstimator(WIDTH, HEIGHT)
    moved = with_motion_there(clip.rgb, lambda rgb: rgb, estimator, home, [].append)  # type: ignore[arg-type]
    for number, _ in enumerate(moved):
        assert estimator.begun == min(number + 1, 4) and estimator.waited == number


class Timed:
    """An estimator that takes some seconds a pair, and more for the first."""

    def __init__(self, clock: list[float], seconds: float, *, is_full: bool = False) -> None:
        self._clock, self._seconds, self._is_full, self._pairs = clock, seconds, is_full, 0

    def look(self, rgb: np.ndarray) -> np.ndarray:
        return rgb

    def between(self, earlier: np.ndarray, later: np.ndarray) -> None:
        self._pairs += 1
        self._clock[0] += self._seconds + 10 * (self._pairs == 1)

    def begin(self, earlier: np.ndarray, later: np.ndarray) -> Callable[[], None]:
        if self._is_full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return lambda: self.between(earlier, later)


@pytest.mark.parametrize(
    ("seconds", "workers", "pictures", "is_full", "expected"),
    [
        (1.0, 1, 3, False, True),
        (1.0, 2, 3, False, True),
        (1.0, 3, 3, False, False),
        (3.0, 1, 3, False, False),
        (1.0, 1, 2, False, False),
        (1.0, 1, 3, True, False),
    ],
)
def test_motion_is_found_where_that_is_sooner(
    seconds: float, workers: int, pictures: int, is_full: bool, expected: bool
) -> None:
    clock, rgb = [0.0], [np.zeros((4, 4, 3), np.uint8)] * pictures
    there, home = Timed(clock, seconds, is_full=is_full), Timed(clock, 2.0)
    assert is_sooner_there(rgb, there, home, workers, lambda: clock[0]) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("is_sooner", [True, False])
@pytest.mark.usefixtures("on_the_cpu")
def test_no_picture_is_lost_by_the_trial(is_sooner: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def answer(pictures: list[np.ndarray], *_: object) -> bool:
        asked.append(len(pictures))
        return is_sooner

    monkeypatch.setattr(smoothing, "is_sooner_there", answer)
    for count in (1, 2, 7):
        clip = make_clip(count, 2)
        items = list(zip(range(count), clip.rgb, clip.found, strict=True))
        given = steady_alphas(items, lambda item: item[1:], (WIDTH, HEIGHT), "normal", where=Where("cuda"))
        assert [item[0] for item, _ in given] == list(range(count))
    assert asked == [1, 2, 3]


def test_motion_that_lies_on_a_device_can_be_used_elsewhere() -> None:

    estimator = DeviceMotionEstimator(WIDTH, HEIGHT, CPU)
    motion = estimator.begin(*[estimator.look(rgb) for rgb in make_clip(2, 3).rgb])()
    assert isinstance(motion, DeviceMotion)
    step = make_step(motion, (HEIGHT, WIDTH), CPU)
    assert step.to_previous.places.shape == (1, 2, HEIGHT, WIDTH)


def test_motion_is_played_from_one_recording_of_its_launches() -> None:
    greys = [DeviceMotionEstimator(WIDTH, HEIGHT, CPU).look(rgb) for rgb in make_clip(5, 3).rgb]
    plain, tape, told = DeviceMotionEstimator(WIDTH, HEIGHT, CPU), Tape(), list[str]()
    with estimator((WIDTH, HEIGHT), tape, told) as recorded, ThreadPoolExecutor(2) as threads:
        # Begun on whichever thread, and none is collected before all are begun: no motion lies in what is played again.
        begun = list(threads.map(recorded.begin, greys, greys[1:]))
        made = [collect() for collect in begun]
    assert tape.recorded == [2] and tape.played == [2] * 4 and tape.kept == 0 and not told
    for motion, pair in zip(made, pairwise(greys), strict=True):
        expected = plain.begin(*pair)()
        assert torch.equal(motion.forward.there, expected.forward.there)
        assert torch.equal(motion.forward.back, expected.forward.back)
        assert (motion.is_cut, motion.continues) == (expected.is_cut, expected.continues)


def test_pictures_of_another_size_have_a_recording_of_their_own() -> None:
    tape, work = Tape(), partial(motion_of_pair, stride=4, steps=1)
    run = Captured(work, tape, [].append, "optical flow")
    pairs = [torch.rand(2, 1, *size) * 255 for size in ((64, 96), (96, 64), (64, 96))]
    assert all(torch.equal(run(pair), work(pair)) for pair in pairs)
    assert tape.recorded == [2, 2] and tape.played == [2, 2, 2]


def test_motion_whose_launches_cannot_be_recorded_is_found_all_the_same() -> None:
    told: list[str] = []
    with estimator(tape=Tape(fault=lambda: RuntimeError("not permitted")), told=told) as there:
        greys = [there.look(rgb) for rgb in make_clip(3, 3).rgb]
        assert all(there.begin(*pair)().continues for pair in pairwise(greys))
    assert told == ["optical flow's launches cannot be recorded (not permitted): going on without"]
