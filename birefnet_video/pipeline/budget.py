"""What smoothing and composing take of a device's memory, counted before they begin."""

from dataclasses import dataclass
from math import prod

from birefnet_video.defaults import COMPOSING_SHARE, QUEUE_BATCHES
from birefnet_video.matting.colours.opencv import small_shape
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.matte import Smoothing
from birefnet_video.types import MediaInfo

#: Planes of float32 that a thread holds at most: of the picture's size, of the network's, and of smooth colours'.
#: Counted for every kind of output, treatment of colours and change of mattes, several outputs at once included.
_PLANES, _EDGE_PLANES, _COLOUR_PLANES = 12, 30, 10
#: The same of a smoother and what it remembers, by how it smooths: of the mattes' size, and of the flow's fields.
_SMOOTHING_PLANES = {"off": (0, 0), "live": (52, 12), "normal": (84, 24), "high": (104, 34)}
#: The same of what finds flow, of the size of the pictures that it is found in; ``high`` looks more closely.
_FLOW_PLANES = {"off": 0, "live": 56, "normal": 56, "high": 115}
#: The same of what makes such a picture of a view there, of the view's size; it is done before flow is looked for.
_GREY_PLANES = {"off": 0, "live": 6, "normal": 6, "high": 6}
#: Bytes of a sample in float32, and of a view's pixel.
_FLOAT, _VIEW = 4, 3
#: Batches of frames that are in the works between the queues, at most: a stage holds one.
_STAGES = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one job, in bytes."""

    free: int | None
    """That can be had on the device once the network is there; ``None``: nobody counts."""
    thread: int
    """That a composing thread holds."""
    waiting: int
    """That decoded pictures and the network's views of them hold on their way, if they stay on the device."""
    mattes: int = 0
    """That mattes hold on their way, if they stay there."""
    smoothing: int = 0
    """That smoothing holds, if it has its place there: what it remembers, and what finds flow."""

    @property
    def has_room_for_smoothing(self) -> bool:
        """Whether a composing thread has room beside it."""
        return self.free is None or self.smoothing + self.thread <= self._beside_mattes

    def threads(self, wanted: int, *, pictures_stay: bool) -> int:
        """Composing threads that fit into their share, at least one and at most ``wanted``."""
        if self.free is None:
            return wanted
        room = self._beside_smoothing - (self.waiting if pictures_stay else 0)
        return max(1, min(wanted, room // self.thread))

    @property
    def has_room_for_pictures(self) -> bool:
        """Whether those on their way leave composing half of its share."""
        return self.free is None or 2 * self.waiting <= self._beside_smoothing

    @property
    def _beside_mattes(self) -> int:
        assert self.free is not None  # asked by the callers
        return int(self.free * COMPOSING_SHARE) - self.mattes

    @property
    def _beside_smoothing(self) -> int:
        return self._beside_mattes - (self.smoothing if self.has_room_for_smoothing else 0)


def budget(
    info: MediaInfo,
    input_size: tuple[int, int],
    batch_size: int,
    free: int | None,
    *,
    mattes: int = 1,
    smooth: Smoothing = "off",
    finds_motion: bool = True,
) -> Budget:
    """
    Args:
        info: of the input.
        input_size: height and width of what the network takes.
        batch_size: frames that go through the line together.
        free: bytes that can be had on the device; ``None``: nobody counts.
        mattes: of each frame.
        smooth: how they are smoothed.
        finds_motion: flow is looked for on the device.
    """
    pixels = info.width * info.height
    picture = pixels * 3 // 2 * (1 if info.bit_depth <= 8 else 2)
    # Queues behind decoding, preparing, computing and smoothing; views are there from the second on.
    frames, seen = ((queues * QUEUE_BATCHES + _STAGES) * batch_size for queues in (4, 3))
    small = prod(small_shape(info.height, info.width))
    matte, flow = prod(input_size), MotionEstimator(info.width, info.height)
    samples = (_PLANES + mattes - 1) * pixels + _EDGE_PLANES * matte + _COLOUR_PLANES * small
    planes, fields = _SMOOTHING_PLANES[smooth]
    remembered = mattes * (planes * matte + fields * prod(flow.grid))
    found = max(_FLOW_PLANES[smooth] * prod(flow.shape), _GREY_PLANES[smooth] * matte) if finds_motion else 0
    # Queues behind computing and smoothing.
    on_their_way = (2 * QUEUE_BATCHES + _STAGES) * batch_size * mattes * matte
    waiting = frames * picture + seen * _VIEW * matte
    return Budget(free, _FLOAT * samples, waiting, _FLOAT * on_their_way, _FLOAT * (remembered + found))
