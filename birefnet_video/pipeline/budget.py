"""What composing takes of a device's memory, counted before it begins."""

from dataclasses import dataclass
from math import prod

from birefnet_video.defaults import COMPOSING_SHARE, QUEUE_BATCHES
from birefnet_video.matting.colours.opencv import small_shape
from birefnet_video.types import MediaInfo

#: Planes of float32 that a thread holds at most: of the picture's size, of the network's, and of smooth colours'.
#: Counted for every kind of output, treatment of colours and change of mattes, several outputs at once included.
_PLANES, _EDGE_PLANES, _COLOUR_PLANES = 12, 30, 10
#: Bytes of a sample in float32.
_FLOAT = 4
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
    """That decoded pictures hold on their way, if they stay on the device."""

    def threads(self, wanted: int, *, pictures_stay: bool) -> int:
        """Composing threads that fit into their share, at least one and at most ``wanted``."""
        if self.free is None:
            return wanted
        room = int(self.free * COMPOSING_SHARE) - (self.waiting if pictures_stay else 0)
        return max(1, min(wanted, room // self.thread))

    @property
    def has_room_for_pictures(self) -> bool:
        """Whether those on their way leave composing half of its share."""
        return self.free is None or 2 * self.waiting <= int(self.free * COMPOSING_SHARE)


def budget(
    info: MediaInfo, input_size: tuple[int, int], batch_size: int, free: int | None, *, mattes: int = 1
) -> Budget:
    """
    Args:
        info: of the input.
        input_size: height and width of what the network takes.
        batch_size: frames that go through the line together.
        free: bytes that can be had on the device; ``None``: nobody counts.
        mattes: of each frame.
    """
    pixels = info.width * info.height
    picture = pixels * 3 // 2 * (1 if info.bit_depth <= 8 else 2)
    # Queues behind decoding, preparing, computing and smoothing.
    frames = (4 * QUEUE_BATCHES + _STAGES) * batch_size
    small = prod(small_shape(info.height, info.width))
    samples = (_PLANES + mattes - 1) * pixels + _EDGE_PLANES * prod(input_size) + _COLOUR_PLANES * small
    return Budget(free, _FLOAT * samples, frames * picture)
