"""Pictures too large for copies of them: mattes in tiles, outputs in strips, in memory that is known before."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from math import ceil, log2
from pathlib import Path

import numpy as np

from birefnet_video.backends.tiled import TiledMatting
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError
from birefnet_video.limits import Limits
from birefnet_video.matting.composite.pictures import box_around
from birefnet_video.matting.composite.strips import StripDrawing, edit_strips, lines_of_subject, strips
from birefnet_video.matting.tiles.plane import new_samples
from birefnet_video.options.backgrounds import SolidColour
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.options.pictures import PicturesRequest
from birefnet_video.outputs.strip_file import StripFile
from birefnet_video.outputs.unfinished import make_folder
from birefnet_video.pictures.formats import format_of
from birefnet_video.pictures.geo import moved
from birefnet_video.pictures.large import LargePicture
from birefnet_video.pictures.strips import WRITERS
from birefnet_video.pipeline.networks import Networks

#: Bytes of main memory: of all that is there without a picture, and for each pixel of the matte while it is made.
_BASE_BYTES, _MATTE_BYTES = 1_000_000_000, 2.5
#: The same of a pixel of a picture that is worked on in one piece.
_ONE_PIECE_BYTES = 40
#: More halvings than any picture has.
_NEVER = 64


class LargePictures:
    """Makes outputs of large pictures, one at a time and on one thread."""

    def __init__(
        self,
        request: PicturesRequest,
        networks: Networks,
        tell: Callable[[str], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        """
        Args:
            request: how.
            networks: gives the network; its tiles are counted there.
            tell: takes what a user should know.
            is_stopped: whether a picture that was begun is to be left: one can take minutes.
        """
        self._request, self._networks, self._tell, self._is_stopped = request, networks, tell, is_stopped
        self._limits = Limits(request.read.max_pixels)

    def takes(self, picture: LargePicture, outputs: tuple[OutputSpec, ...]) -> bool:
        """Whether it is made here; otherwise it is worked on in one piece, and said why. From any thread.

        Raises:
            NotAPicture: if it has more pixels than allowed.
            BackendUnavailable: if there is no room for that.
        """
        picture.check(self._limits)
        reason = next(filter(None, map(self._obstacle, outputs)), None)
        if reason is None:
            return True
        self._tell(f"{picture.path}: is worked on in one piece, which takes more memory: {reason}")
        self._check_memory(picture, picture.pixels * _ONE_PIECE_BYTES)
        return False

    def _obstacle(self, output: OutputSpec) -> str | None:
        if output.path == STDOUT:
            return "standard output takes whole files"
        if (form := format_of(output.kind, output.path)) not in WRITERS:
            return f"{form} is not written in strips, png and tiff are"
        if output.kind == "foreground":
            return "--foreground looks at all of it"
        if output.kind == "composite" and not isinstance(output.background, SolidColour):
            return "--background is no plain colour"
        if output.kind != "mask" and self._request.colour.decontaminate == "best":
            return "--decontaminate best looks at all of it"
        return None

    def make(self, picture: LargePicture, outputs: tuple[OutputSpec, ...]) -> list[str]:
        """Write the outputs of a picture.

        Returns:
            what a user should know.

        Raises:
            BirefnetVideoError: if it cannot be read, there is no room for it, or an output cannot be written.
        """
        with ExitStack() as stack:
            stack.callback(picture.close)
            self._check_memory(picture, picture.bytes_held)
            matte_bytes = int(picture.pixels * _MATTE_BYTES)
            fits = _BASE_BYTES + picture.bytes_held + matte_bytes <= self._request.run.max_memory
            folder = None if fits else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="birefnet-video-")))
            picture.load()
            matte = self._matte(picture, folder)
            box, notes = self._box(matte)
            self._write(picture, matte, box, outputs)
            return notes

    def _go_on(self, picture: LargePicture) -> None:
        """
        Raises:
            BirefnetVideoError: if it is to be left.
        """
        if self._is_stopped():
            raise BirefnetVideoError(f"{picture.path}: was left before it was done")

    def _check_memory(self, picture: LargePicture, held: int) -> None:
        needed, most = _BASE_BYTES + held, self._request.run.max_memory
        if needed > most:
            raise BackendUnavailable(
                f"{picture.path}: takes about {needed / 1e9:.1f} GB of memory, of which --max-memory allows"
                f" {most / 1e9:g}",
                hint=f"--max-memory {ceil(needed / 1e9)}G",
            )

    def _matte(self, picture: LargePicture, folder: Path | None) -> np.ndarray:
        """uint16 (H, W), with all that is asked of mattes."""
        height, width = picture.size
        detail = self._request.backend.detail_size(width, height)

        def in_file(size: tuple[int, int]) -> np.ndarray:
            assert folder is not None  # see below
            return np.memmap(folder / f"{size[1]}x{size[0]}", np.uint16, "w+", shape=size)

        matte = TiledMatting(
            self._networks.whole(width, height),
            self._networks.tiles,
            finest=_NEVER if detail is None else ceil(log2(max(height, width) / max(detail))),
            room=new_samples if folder is None else in_file,
        ).matte(_Watched(picture, partial(self._go_on, picture)))
        edit_strips(matte, picture, self._request.matte, multiplies=self._request.read.input_alpha == "multiply")
        return matte

    def _box(self, matte: np.ndarray) -> tuple[tuple[slice, slice], list[str]]:
        """Rows and columns that are written, and what is to be said of them."""
        whole = (slice(0, matte.shape[0]), slice(0, matte.shape[1]))
        if (margin := self._request.files.trim) is None:
            return whole, []
        box = box_around(*lines_of_subject(matte), margin)
        return (whole, ["no subject was found: it is not trimmed"]) if box is None else (box, [])

    def _write(
        self, picture: LargePicture, matte: np.ndarray, box: tuple[slice, slice], outputs: tuple[OutputSpec, ...]
    ) -> None:
        rows, columns = box
        kept, drawing = (
            moved(picture.kept, rows.start, columns.start),
            StripDrawing(self._request.colour, picture, matte),
        )
        with ExitStack() as stack:
            files = [self._open(stack, output) for output in outputs]
            for lines in strips(rows):
                self._go_on(picture)
                drawn = drawing.draw(outputs, lines, columns)
                for file, samples in zip(files, drawn, strict=True):
                    if lines.start == rows.start:
                        size = (columns.stop - columns.start, rows.stop - rows.start)
                        file.begin(size, samples.dtype, samples.shape[2] if samples.ndim == 3 else 1, kept)
                    file.add(samples)
            for file in files:
                file.finish()

    def _open(self, stack: ExitStack, output: OutputSpec) -> StripFile:
        files = self._request.files
        if files.out_dir is not None:
            make_folder(output.path)
        form = format_of(output.kind, output.path)
        return stack.enter_context(StripFile(output.path, form, overwrite=files.overwrite))


class _Watched:
    """A picture that can be left wherever it is looked at."""

    def __init__(self, picture: LargePicture, go_on: Callable[[], None]) -> None:
        self._picture, self._go_on, self.size = picture, go_on, picture.size

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        self._go_on()
        return self._picture.part(rows, columns)
