"""One open network for pictures and videos, as a Python program holds it."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from birefnet_video.api import rendered
from birefnet_video.backends.base import MattingBackend
from birefnet_video.events import JobReport
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.keywords import OpenedOptions, StillOptions, method_takes, part_of, takes
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import BackendSpec, NetworkSpec
from birefnet_video.pictures.kinds import Picture, as_rgb
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.pipeline.stills import StillMatting
from birefnet_video.types import MediaInfo


class Matting:
    """A network that is loaded with the first picture or video and stays open until it is closed.

    Videos share it where each would load the very same alone: the same size of the network's input, and with
    ``engine="auto"`` the same engines for their lengths. Pictures take it, too, and have a smaller one of their own
    before the first video. From any thread; a picture waits for the end of a video.

    >>> from birefnet_video import Matting
    >>> with Matting(model="tiny") as matting:  # doctest: +SKIP
    ...     alpha = matting.image(picture)
    ...     report = matting.video("in.mp4", alpha="out.mov")
    """

    @takes(StillOptions)
    def __init__(self, options: StillOptions) -> None:
        """
        Args:
            options: as of :func:`birefnet_video.matte_image`, each a keyword.

        Raises:
            UsageError: if a value is wrong.
        """
        self._options = options
        self._shared = SharedNetwork()
        self._stills = StillMatting(
            part_of(options, NetworkSpec), part_of(options, EditSpec), detail=options.detail, lent=self._shared.resting
        )
        self._lock = threading.Lock()

    @method_takes(GuidanceSpec)
    def image(self, picture: Picture, guidance: GuidanceSpec) -> Picture:
        """The matte of one picture, of the same kind.

        Args:
            guidance: who is meant where several are seen, each a keyword.
            picture: numpy uint8, uint16 or floats in [0, 1] of (H, W), (H, W, 3) or (H, W, 4); a PIL image; or a torch
                tensor (C, H, W).

        Returns:
            alpha: numpy float32 (H, W) in [0, 1]; a PIL image of mode L; or a torch float32 tensor (1, H, W) on the
            picture's device.

        Raises:
            ValueError: if it is no picture.
            BirefnetVideoError: see :mod:`birefnet_video.errors`.
        """
        rgb, back = as_rgb(picture)
        with self._lock:
            return back(self._stills.alpha(rgb, guidance))

    def images(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """The mattes of pictures of any sizes and kinds, one after another; see :meth:`image`."""
        return (self.image(picture) for picture in pictures)

    @method_takes(OpenedOptions)
    def video(self, source: str | Path, options: OpenedOptions) -> JobReport:
        """Cut the subject out of a video, as :func:`birefnet_video.matte_video` does with the same options.

        Args:
            source: video file, or image sequence such as ``shot_%04d.png``.
            options: as of :func:`birefnet_video.matte_video`, each a keyword, but for those that this was made with.

        Returns:
            what was done. ``report.damage`` is not ``None`` if part of the input could not be read;
            ``report.loading_s`` are the seconds until the first frame was done.

        Raises:
            BirefnetVideoError: see :mod:`birefnet_video.errors`. The network is loaded anew for the next video.
        """
        spec = options.job(Path(source), self._options)
        with self._lock:
            failed = True
            try:
                report = rendered(spec, self._open)
                failed = False
            finally:
                self._shared.settle(failed=failed)
            return report

    def _open(self, spec: BackendSpec, info: MediaInfo, tell: Notify) -> MattingBackend:
        # First, because a device may not have the room for both.
        self._stills.drop(info.width, info.height)
        return self._shared.open(spec, info, tell)

    def close(self) -> None:
        """Free the device. May be called twice; the next picture or video opens it again."""
        with self._lock:
            self._stills.close()
            self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
