"""The frames of a segment, each shown until the next one begins."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from birefnet_video.types import FrameMeta


class ShownFrames(Sequence[FrameMeta]):
    """Grows by frames in the order of display; each that has a length ends where the next one begins."""

    def __init__(self) -> None:
        self._frames: list[FrameMeta] = []

    def add(self, meta: FrameMeta) -> None:
        """The next frame."""
        self.end_at(meta.pts)
        self._frames.append(meta)

    def end_at(self, pts: int) -> None:
        """Something else is shown from then on, in ticks."""
        if self._frames and (last := self._frames[-1]).duration is not None:
            self._frames[-1] = replace(last, duration=pts - last.pts)

    @overload
    def __getitem__(self, index: int) -> FrameMeta: ...
    @overload
    def __getitem__(self, index: slice) -> list[FrameMeta]: ...
    def __getitem__(self, index: int | slice) -> FrameMeta | list[FrameMeta]:
        return self._frames[index]

    def __len__(self) -> int:
        return len(self._frames)
