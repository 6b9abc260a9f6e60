"""One open network for many pictures, as a Python program holds it."""

from collections.abc import Iterable, Iterator
from typing import Self

from birefnet_video.options.keywords import StillOptions, part_of, takes
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.pictures.kinds import Picture, as_rgb
from birefnet_video.pipeline.stills import StillMatting


class Matting:
    """A network that is loaded with the first picture and stays open until it is closed.

    >>> from birefnet_video import Matting
    >>> with Matting(model="tiny") as matting:  # doctest: +SKIP
    ...     alpha = matting.image(picture)
    """

    @takes(StillOptions)
    def __init__(self, options: StillOptions) -> None:
        """
        Args:
            options: as of :func:`birefnet_video.matte_image`, each a keyword.

        Raises:
            UsageError: if a value is wrong.
        """
        self._stills = StillMatting(part_of(options, NetworkSpec), part_of(options, EditSpec))

    def image(self, picture: Picture) -> Picture:
        """The matte of one picture, of the same kind.

        Args:
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
        return back(self._stills.alpha(rgb))

    def images(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """The mattes of pictures of any sizes and kinds, one after another; see :meth:`image`."""
        return (self.image(picture) for picture in pictures)

    def close(self) -> None:
        """Free the device. May be called twice; the next picture opens it again."""
        self._stills.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
