"""A live session that is shown a clip of drawn figures, and what came out of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from attrs import evolve
from cameras import PaintedCamera, camera_info
from guided import SeesFigures
from guided_clips import HEIGHT, WIDTH, Clip
from specs import live_spec
from stubs import our_threads
from wait import PATIENCE_S, until

from birefnet_video.backends.base import MattingBackend
from birefnet_video.devices.camera import Camera
from birefnet_video.events import LiveState, SubjectNoted
from birefnet_video.live.session import LiveSession
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.matte import LiveMatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputSpec

SEEN = (160, 288)
Actions = Mapping[int, Callable[[LiveSession], None]]


def on(clip: Clip, index: int = 0, name: str = "subject", *, mirrored: bool = False) -> str:
    """A point on a figure, in pixels of the picture as it is sent."""
    rows, columns = np.nonzero(clip.mattes[name][index] > 0.9)
    middle = np.argmin(np.hypot(rows - np.median(rows), columns - np.median(columns)))
    across = int(columns[middle])
    return f"point={WIDTH - 1 - across if mirrored else across},{int(rows[middle])}"


class Session:
    """Shows pictures of a clip, none of which is dropped, and keeps what came out."""

    def __init__(self, folder: Path, **options: object) -> None:
        """
        Args:
            folder: for the recording.
            options: of mattes.
        """
        self.path = folder / "m.mkv"
        matte = LiveMatteSpec(**{"smooth": "off", "refine": False, **options})  # type: ignore[arg-type]
        self.spec = live_spec("x", (OutputSpec("mask", self.path),), backend=NetworkSpec(size=SEEN), matte=matte)
        self.info = replace(camera_info(folder, (WIDTH, HEIGHT)), duration_s=None)
        self.network = SeesFigures(SEEN)
        self.told: list[str] = []
        self.noted: list[SubjectNoted] = []
        self.live: LiveSession

    def load(self, spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        self.network = SeesFigures(spec.size)
        return self.network

    def camera(self, pictures: list[np.ndarray], actions: Actions | None = None, first: int = 0) -> PaintedCamera:
        """One that gives such pictures, uint8 (H, W, 3), each when the one before is out."""

        def picture(number: int) -> av.VideoFrame:
            until(lambda: self.live.snapshot().shown >= number)
            (actions or {}).get(number, lambda live: None)(self.live)
            return av.VideoFrame.from_ndarray(pictures[number - first], "rgb24").reformat(format="yuv420p")

        return PaintedCamera(self.info, count=len(pictures), rate=1000, first=first, picture=picture)

    def run(self, *cameras: Camera, spec: LiveSpec | None = None) -> np.ndarray:
        """Mattes float32 (N, H, W) in [0, 1]."""
        left = [*cameras]
        self.live = LiveSession(
            spec or self.spec,
            open_camera=lambda: left.pop(0),
            open_backend=self.load,
            notify=self.told.append,
            on_subject=self.noted.append,
        )
        self.live.start()
        state = self.live.wait(PATIENCE_S)
        self.live.stop()
        assert state is LiveState.ENDED, self.live.error
        assert our_threads() == []
        with av.open(str(self.path)) as file:
            made = np.stack([frame.to_ndarray(format="gray") for frame in file.decode(video=0)])
        assert len(made) == self.live.snapshot().shown
        return made / np.float32(255)

    @property
    def findings(self) -> list[str]:
        return [noted.finding for noted in self.noted]


def iou(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of each picture."""
    found, truth = found > 0.5, truth > 0.5
    return (found & truth).sum((1, 2)) / np.maximum((found | truth).sum((1, 2)), 1)


def saying(session: Session, **options: object) -> LiveSpec:
    return evolve(session.spec, matte=evolve(session.spec.matte, **options))


def pictures_of(clip: Clip, which: slice) -> list[np.ndarray]:
    return list(clip.frames[which])
