"""A network that sees a large picture as a whole first, and then, from coarse to fine, tiles of what it leaves open."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending, check_input, check_mattes
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.tiles.grid import Grid, Tile, halvings
from birefnet_video.matting.tiles.joining import enlarged, is_open, joined
from birefnet_video.matting.tiles.plane import Plane, Room, new_samples
from birefnet_video.matting.tiles.source import InMemory, Source, reduced


@dataclass(slots=True)
class TileCount:
    """How many tiles were worked through."""

    done: int = 0
    all: int = 0
    """That pictures have."""

    def describe(self) -> str:
        """In words; empty if there were none."""
        if not self.all:
            return ""
        return f"tiles: {self.done:,} of {self.all:,} were worked through, the rest holds no edge and nothing unsure"


class TiledMatting:
    """Makes mattes of pictures of any size with a network of one size of input."""

    def __init__(self, backend: MattingBackend, count: TileCount, *, finest: int = 0, room: Room = new_samples) -> None:
        """
        Args:
            backend: the network; its size of input is that of tiles.
            count: is kept up.
            finest: the network sees tiles of the picture that was halved so often; from there on mattes are enlarged
                along the picture's edges alone.
            room: makes what mattes are held in.
        """
        self._backend, self._count, self._finest, self._room = backend, count, finest, room
        self._tile = backend.info.input_size

    def matte(self, source: Source) -> np.ndarray:
        """The matte of a picture, uint16 (H, W), 65535 inside the subject.

        Raises:
            BackendUnavailable: if the network's mattes are no numbers.
            OutOfMemory: if the device is out of memory.
        """
        height, width = source.size
        coarsest = halvings((height, width), self._tile)
        if coarsest is None:
            whole = reduced(source, slice(0, height), slice(0, width), 0)
            return Plane.of(resized(self._infer([whole])[0], (height, width))).samples
        plane = self._whole(source, coarsest)
        for level in range(coarsest, -1, -1):
            below = plane
            plane = below.doubled(self._room) if level < coarsest else Plane(below.samples.copy())
            self._refine(source, level, below, plane)
        return plane.samples[:height, :width]

    def _whole(self, source: Source, level: int) -> Plane:
        """What the network says of the picture as a whole, at the size of a level."""
        rows, columns = (-(-side // (1 << level)) for side in source.size)
        small = np.empty((rows, columns, 3), np.uint8)
        for top in range(0, rows, self._tile[0]):
            lines = slice(top, min(top + self._tile[0], rows))
            small[lines] = reduced(source, lines, slice(0, columns), level)
        return Plane.of(resized(self._infer([small])[0], (rows, columns)))

    def _refine(self, source: Source, level: int, below: Plane, plane: Plane) -> None:
        """Work out the tiles of a level.

        Args:
            source: the picture.
            level: how often it is halved.
            below: the matte before, of this size or half of it.
            plane: the same, enlarged; what tiles change is added.
        """
        is_double = below.size != plane.size
        grid, is_seen = Grid(plane.size, self._tile, step=2 if is_double else 1), level >= self._finest
        self._count.all += len(grid) if is_seen else 0
        open_tiles = (
            (tile, coarse)
            for tile in grid
            if is_open((coarse := _coarse(below, tile, is_double=is_double))[tile.counts])
        )
        while batch := list(islice(open_tiles, self._backend.info.batch_size)):
            self._count.done += len(batch) if is_seen else 0
            views = [reduced(source, tile.rows, tile.columns, level) for tile, _ in batch]
            found = self._infer(views) if is_seen else [None] * len(batch)
            for (tile, coarse), view, local in zip(batch, views, found, strict=True):
                small = coarse if not is_double else below.part(_half(tile.rows), _half(tile.columns))
                made = enlarged(small, view)
                if local is not None:
                    made = joined(coarse, made, resized(local, coarse.shape))
                plane.add(tile.rows, tile.columns, tile.weight * (made - coarse))

    def _infer(self, views: list[np.ndarray]) -> np.ndarray:
        """The network's own mattes of pictures of any size, float32 (N, h, w)."""
        batch = np.stack([resized(np.ascontiguousarray(view), self._tile) for view in views])
        return check_mattes(self._backend.begin(batch)(), self._backend.info)


class TiledBackend:
    """A :class:`MattingBackend` for pictures that are larger than its network's input: one at a time."""

    def __init__(
        self, backend: MattingBackend, size: tuple[int, int], count: TileCount | None, tell: Callable[[str], None]
    ) -> None:
        """
        Args:
            backend: the network; closed with this.
            size: height and width of the pictures.
            count: is kept up; ``None``: told when this is closed.
            tell: takes what a user should know.
        """
        self._backend, self._size, self._tell = backend, size, tell
        self._own_count = TileCount() if count is None else None
        self._matting = TiledMatting(backend, count or self._own_count or TileCount())

    @property
    def info(self) -> BackendInfo:
        """See :class:`MattingBackend`; the size is that of the pictures."""
        own = self._backend.info
        height, width = own.input_size
        note = "; ".join(filter(None, (f"in tiles of {width}x{height}", own.note)))
        return replace(own, input_size=self._size, batch_size=1, overlaps=False, note=note)

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`MattingBackend`."""
        check_input(rgb, self.info)
        found = self._matting.matte(InMemory(rgb[0])).astype(np.float32)
        return (found / np.float32(65535))[None]

    def begin(self, rgb: np.ndarray) -> Pending:
        """See :class:`MattingBackend`."""
        alpha = self.infer(rgb)
        return lambda: alpha

    def close(self) -> None:
        """See :class:`MattingBackend`."""
        self._backend.close()
        if self._own_count is not None and (words := self._own_count.describe()):
            self._own_count = None
            self._tell(words)


def with_detail(
    backend: MattingBackend, size: tuple[int, int] | None, tell: Callable[[str], None], count: TileCount | None = None
) -> MattingBackend:
    """A network as it is, or in tiles, if mattes are to be larger than its input by more than a little.

    Args:
        backend: the network.
        size: height and width of the mattes that are asked for; ``None``: those of the network's input.
        tell: takes what a user should know.
        count: of tiles, is kept up; ``None``: told when the network is closed.
    """
    if size is None:
        return backend
    if halvings(size, backend.info.input_size) is None:
        height, width = backend.info.input_size
        tell(f"--detail: not in tiles: the network sees {width}x{height}, nearly all that there is")
        return backend
    return TiledBackend(backend, size, count, tell)


def _coarse(below: Plane, tile: Tile, *, is_double: bool) -> np.ndarray:
    return below.doubled_part(tile.rows, tile.columns) if is_double else below.part(tile.rows, tile.columns)


def _half(part: slice) -> slice:
    return slice(part.start // 2, part.stop // 2)
