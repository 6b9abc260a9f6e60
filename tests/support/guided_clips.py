"""Clips of several figures with the exact matte of each: one is the subject, the others are in its way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

RATE = 25
WIDTH, HEIGHT = 480, 270
#: Colour of drawn scenes, and those of drawn figures: of none of them is blue the strongest part.
BLUE = np.array([0.25, 0.6, 1.0], np.float32)
_COLOURS = ((230, 60, 40), (240, 210, 60), (60, 170, 40), (225, 225, 215), (150, 75, 20), (210, 50, 150), (140, 20, 20))


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a figure stands."""

    x: float
    """Of its middle, in [0, 1] of the frame's width."""
    y: float
    """Of its middle, in [0, 1] of the frame's height."""
    height: float
    """In [0, 1] of the frame's height."""
    mirrored: bool = False


#: Where a figure is at a time in seconds, or nowhere.
Path = Callable[[float], Pose | None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Figures from behind to the front; camera and cuts."""

    name: str
    paths: tuple[tuple[str, int, Path], ...]
    """Name of the figure, which of the cutouts it is, and its path. Parts of one name belong together."""
    seconds: float = 3.0
    shake: float = 0.0
    """Pixels that the camera moves by, to each side."""
    shots: tuple[float, ...] = ()
    """Seconds at which another shot begins, before another background."""
    subject: str = "subject"


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames and what is true of them."""

    scenario: Scenario
    frames: np.ndarray
    """uint8 (N, H, W, 3)."""
    mattes: dict[str, np.ndarray] = field(default_factory=dict)
    """float32 (N, H, W) of each figure: what is seen of it."""

    @property
    def subject(self) -> np.ndarray:
        """The matte of the one that is to be followed."""
        return self.mattes[self.scenario.subject]

    @property
    def everybody(self) -> np.ndarray:
        """What a network without guidance sees: float32 (N, H, W)."""
        return np.clip(sum(self.mattes.values()), 0, 1).astype(np.float32)

    @property
    def others(self) -> np.ndarray:
        """The rest of it."""
        rest = [matte for name, matte in self.mattes.items() if name != self.scenario.subject]
        return np.clip(sum(rest), 0, 1).astype(np.float32) if rest else np.zeros_like(self.subject)


def drawn_figures(count: int = 6, height: int = 220) -> list[np.ndarray]:
    """Persons of plain shapes, uint8 (H, W, 4), each with a look of its own."""
    return [_figure(index, height) for index in range(count)]


def drawn_scene(seed: int) -> np.ndarray:
    """A background without a subject, larger than a frame by a margin for the camera, uint8 (H, W, 3): all blue."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(90, 220, (6, 10)).astype(np.float32)
    scene = cv2.resize(coarse, (WIDTH + 80, HEIGHT + 80), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 1, scene.shape).astype(np.float32), (0, 0), 2.0)
    return np.clip((scene + 90 * grain)[..., None] * BLUE, 0, 255).astype(np.uint8)


def not_blue(rgb: np.ndarray) -> np.ndarray:
    """The matte of everything before a drawn scene, as a network would find it: uint8 (..., 3) -> float32 (...)."""
    x = rgb.astype(np.float32)
    red, green, blue = np.moveaxis(x - (x @ BLUE)[..., None] * BLUE / (BLUE @ BLUE), -1, 0)
    # As numpy.linalg.norm, which takes twice as long where the last axis is this short.
    return np.clip((np.sqrt(red * red + green * green + blue * blue) - 25) / 40, 0, 1).astype(np.float32)


def make_clip(
    scenario: Scenario, figures: Sequence[np.ndarray], scenes: Sequence[np.ndarray], seed: int = 0, swing: float = 0
) -> Clip:
    """Render a scenario.

    Args:
        scenario: what happens.
        figures: cutouts, uint8 (H, W, 4) straight RGBA.
        scenes: backgrounds of at least (HEIGHT + 80, WIDTH + 80), one a shot.
        seed: of grain and camera.
        swing: by how much of their height the limbs of figures swing to each side.
    """
    rng = np.random.default_rng(seed)
    count = round(scenario.seconds * RATE)
    names = list(dict.fromkeys(name for name, _, _ in scenario.paths))
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    mattes = {name: np.zeros((count, HEIGHT, WIDTH), np.float32) for name in names}
    for index in range(count):
        time = index / RATE
        shake = scenario.shake * np.array([np.sin(5.1 * time) + 0.4 * np.sin(17 * time), np.cos(4.3 * time)])
        scene = scenes[sum(time >= shot for shot in scenario.shots) % len(scenes)]
        left, top = (40 + np.round(shake)).astype(int)
        picture = scene[top : top + HEIGHT, left : left + WIDTH].astype(np.float32)
        for name, which, path in scenario.paths:
            pose = path(time)
            if pose is None:
                continue
            figure = figures[which % len(figures)]
            if swing:
                # Who goes further has taken more steps.
                figure = _swung(figure, swing, phase=55 * pose.x + 30 * pose.y)
            colour, alpha = _placed(figure, pose, shake)
            picture += alpha[..., None] * (colour - picture)
            for matte in mattes.values():
                matte[index] *= 1 - alpha
            mattes[name][index] += alpha
        grain = rng.normal(0, 2.0, picture.shape)
        frames[index] = np.clip(picture + grain, 0, 255)
    return Clip(scenario, frames, mattes)


def scenarios() -> Iterator[Scenario]:
    """The twelve that following has to deal with."""
    yield Scenario("crossing", (("other", 1, _walk(0.85, 0.15)), ("subject", 0, _walk(0.15, 0.85))))
    yield Scenario("behind", (("subject", 0, _walk(0.15, 0.85)), ("other", 1, _walk(0.62, 0.52))), 3.4)
    yield Scenario("late", (("subject", 0, _walk(0.35, 0.4)), ("other", 1, _from(1.0, _walk(1.15, 0.55)))))
    yield Scenario(
        "leaves and comes back",
        (("other", 1, _walk(0.8, 0.7)), ("subject", 0, _leaving)),
        seconds=4.0,
        shots=(2.2,),
    )
    yield Scenario("twins", (("other", 0, _walk(0.8, 0.2)), ("subject", 0, _walk(0.2, 0.8))))
    yield Scenario("fast", (("other", 2, _walk(0.5, 0.5)), ("subject", 0, _to_and_fro)))
    yield Scenario("growing", (("other", 1, _walk(0.8, 0.75)), ("subject", 0, _nearing)))
    yield Scenario("hand-held", (("other", 1, _walk(0.75, 0.6)), ("subject", 0, _walk(0.3, 0.45))), shake=14)
    yield Scenario(
        "held object",
        (("other", 1, _walk(0.85, 0.75)), ("subject", 0, _walk(0.25, 0.5)), ("subject", 3, _held(0.25, 0.5))),
    )
    yield Scenario("overlap", (("other", 1, _walk(0.48, 0.58)), ("subject", 0, _walk(0.4, 0.5))))
    yield Scenario("mirror", (("other", 0, _mirrored), ("subject", 0, _walk(0.3, 0.42))))
    yield Scenario("crowd", (*_crowd(back=True), ("subject", 0, _walk(0.2, 0.7)), *_crowd(back=False)))


def _walk(start: float, end: float, seconds: float = 3.0, height: float = 0.75) -> Path:
    def path(time: float) -> Pose:
        share = min(time / seconds, 1.0)
        bob = 0.008 * np.sin(9 * time + 7 * start)
        return Pose(start + (end - start) * share, 0.58 + bob, height, mirrored=end < start)

    return path


def _from(begin: float, path: Path) -> Path:
    return lambda time: path(time - begin) if time >= begin else None


def _leaving(time: float) -> Pose | None:
    if time < 1.4:
        return Pose(0.3 - 0.4 * time, 0.58, 0.75, mirrored=True)
    return Pose(0.25 + 0.1 * (time - 2.2), 0.58, 0.72) if time >= 2.2 else None


def _to_and_fro(time: float) -> Pose:
    return Pose(0.5 + 0.36 * np.cos(4.2 * time), 0.55, 0.6)


def _nearing(time: float) -> Pose:
    size = 0.12 * 8 ** (time / 3)
    return Pose(0.3 + 0.03 * time, 0.45 + 0.05 * time, min(size, 0.95))


def _held(start: float, end: float) -> Path:
    walk = _walk(start, end)

    def path(time: float) -> Pose:
        pose = walk(time)
        assert pose is not None
        return Pose(pose.x + 0.07, pose.y - 0.05 + 0.02 * np.sin(5 * time), 0.22)

    return path


def _mirrored(time: float) -> Pose:
    pose = _walk(0.3, 0.42)(time)
    assert pose is not None
    return Pose(1.0 - 0.6 * pose.x, pose.y, 0.6, mirrored=True)


def _crowd(*, back: bool) -> list[tuple[str, int, Path]]:
    ways = [(0.35, 0.3), (0.55, 0.65), (0.8, 0.6)] if back else [(0.7, 0.75), (0.95, 0.35)]
    return [
        (f"other {index}{'b' if back else 'f'}", 1 + index + (0 if back else 3), _walk(*way, height=0.62))
        for index, way in enumerate(ways)
    ]


def _placed(figure: np.ndarray, pose: Pose, shake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour float32 (H, W, 3) and alpha float32 (H, W) of a figure in a frame."""
    scale = pose.height * HEIGHT / figure.shape[0]
    flip = -1.0 if pose.mirrored else 1.0
    middle = np.array([pose.x * WIDTH, pose.y * HEIGHT]) - shake
    matrix = np.array(
        [
            [flip * scale, 0, middle[0] - flip * scale * figure.shape[1] / 2],
            [0, scale, middle[1] - scale * figure.shape[0] / 2],
        ]
    )
    alpha = figure[..., 3:].astype(np.float32) / 255
    weighted = np.dstack([figure[..., :3] * alpha, alpha])
    if scale < 1:
        weighted = cv2.GaussianBlur(weighted, (0, 0), 0.4 / scale)
    moved = cv2.warpAffine(weighted, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    seen = moved[..., 3]
    return moved[..., :3] / np.maximum(seen, 1e-3)[..., None], seen


def _swung(figure: np.ndarray, by: float, phase: float) -> np.ndarray:
    """A figure whose legs and elbows are apart or together, uint8 (H, W, 4)."""
    height, room = figure.shape[0], round(0.1 * figure.shape[0])
    wide = cv2.copyMakeBorder(figure, 0, 0, room, room, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)).astype(np.float32)
    rows, columns = np.mgrid[:height, : wide.shape[1]].astype(np.float32)
    legs = np.clip(2 * rows / height - 1, 0, 1) * np.sin(phase)
    elbows = np.clip(1 - np.abs(rows / height - 0.42) / 0.2, 0, 1) * np.sin(phase + 1)
    side = np.tanh((columns - wide.shape[1] / 2) / (0.12 * figure.shape[1]))
    wide[..., :3] *= wide[..., 3:] / 255
    away = (columns - by * height * (legs + 0.6 * elbows) * side).astype(np.float32)
    moved = cv2.remap(wide, away, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    moved[..., :3] *= 255 / np.maximum(moved[..., 3:], 1)
    return np.clip(moved, 0, 255).astype(np.uint8)


def _figure(index: int, height: int) -> np.ndarray:
    """Head, body, arms and legs with textures that tell figures apart."""
    rng = np.random.default_rng(100 + index)
    width = round(height * 0.42)
    mask = np.zeros((height, width), np.uint8)
    middle = width // 2
    cv2.circle(mask, (middle, round(height * 0.1)), round(height * 0.085), 255, -1, cv2.LINE_AA)
    cv2.ellipse(mask, (middle, round(height * 0.38)), (round(width * 0.3), round(height * 0.22)), 0, 0, 360, 255, -1)
    for side in (-1, 1):
        foot = (middle + side * round(width * 0.2), round(height * 0.98))
        cv2.line(mask, (middle + side * round(width * 0.1), round(height * 0.5)), foot, 255, round(width * 0.18))
        hand = (middle + side * round(width * 0.42), round(height * 0.52))
        cv2.line(mask, (middle + side * round(width * 0.2), round(height * 0.24)), hand, 255, round(width * 0.13))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = _COLOURS[(3 * index + 2) % len(_COLOURS)]
    picture[round(height * 0.19) : round(height * 0.55)] = _COLOURS[index % len(_COLOURS)]
    picture[: round(height * 0.19)] = (205, 160, 130)
    stripes = np.sin(np.arange(height)[:, None] * rng.uniform(0.15, 0.6) + np.arange(width) * rng.uniform(-0.5, 0.5))
    picture += 25 * stripes[..., None]
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0)
    return np.dstack([np.clip(picture, 0, 255), soft.astype(np.float32)]).astype(np.uint8)
