"""What follows subjects beside the mattes, by name."""

from birefnet_video.matting.guidance.tracker import Tracker
from birefnet_video.zoo.files import weights_of
from birefnet_video.zoo.known import known_trackers


def open_tracker(name: str, device: str, grid: tuple[int, int]) -> Tracker:
    """Load a tracker.

    Args:
        name: that ``--tracker`` takes.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        grid: height and width of its masks.

    Raises:
        BackendUnavailable: if its package is not installed or does not work.
        CheckpointError: if its weights are not on this machine, or no good.
    """
    from birefnet_video.backends.edgetam import EdgeTam, require_edgetam

    require_edgetam()
    return EdgeTam(weights_of(known_trackers()[name]), device, grid)
