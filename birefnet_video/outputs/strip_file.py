"""A picture file that is written strip by strip."""

from pathlib import Path
from typing import Self

import numpy as np

from birefnet_video.outputs.unfinished import give_name, refused, reserve_partial
from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.strips import WRITERS, StripWriter


class StripFile:
    """Has a name that says that it is not finished until it is; what fails leaves nothing behind."""

    def __init__(self, path: Path, form: str, *, overwrite: bool) -> None:
        """
        Args:
            path: its final one.
            form: ``png`` or ``tiff``.
            overwrite: replace a file of that name.

        Raises:
            OutputRefused: if it cannot be created.
        """
        self._path, self._form, self._overwrite = path, form, overwrite
        self._partial = reserve_partial(path, path.stem, path.suffix, lambda place: place.open("xb").close())
        self._file = self._partial.open("wb")
        self._writer: StripWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def begin(self, size: tuple[int, int], dtype: np.dtype, channels: int, kept: Kept) -> None:
        """Write what comes before the first strip; see :mod:`birefnet_video.pictures.strips`.

        Raises:
            OutputRefused: if there is no room for it.
        """
        try:
            self._writer = WRITERS[self._form](self._file, size, dtype, channels, kept)
        except OSError as error:
            raise refused(self._path, error) from None

    def add(self, samples: np.ndarray) -> None:
        """Write lines; see :class:`birefnet_video.pictures.strips.StripWriter`.

        Raises:
            OutputRefused: if there is no room for them.
        """
        try:
            assert self._writer is not None  # see begin
            self._writer.add(samples)
        except OSError as error:
            raise refused(self._path, error) from None

    def finish(self) -> None:
        """Write what comes behind the last line, and give the file its name.

        Raises:
            OutputRefused: if that fails.
        """
        try:
            assert self._writer is not None  # see begin
            self._writer.finish()
            self._file.close()
        except OSError as error:
            raise refused(self._path, error) from None
        give_name(self._partial, self._path, overwrite=self._overwrite)
