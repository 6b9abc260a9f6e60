"""A widget that shows a frame of a video, decoded by another process when the cursor rests on it."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.tui.picture_view import PictureView
from textual import work

from birefnet_video.options.input import InputSpec

if TYPE_CHECKING:
    import numpy as np
    from birefnet_video.tui.app import BirefnetApp

#: Seconds for which the same video must be meant before a frame of it is decoded, and pictures that are kept.
_REST_S, _MOST = 0.4, 24
_Key = tuple[Path, Fraction, int, int, bool]


class SourcePicture(PictureView):
    """One frame at a time; those of before are kept for a while."""

    app: "BirefnetApp"

    def __init__(self, *, hint: str = "", id: str | None = None) -> None:
        """
        Args:
            hint: shown while there is no picture.
            id: of the widget.
        """
        super().__init__(hint=hint, id=id)
        self._kept: dict[_Key, np.ndarray | str] = {}
        self._meant: _Key | None = None
        self._asked: tuple[Path, InputSpec, bool] | None = None

    def on_resize(self) -> None:
        """See Textual; a frame that was asked for before there was room for it is shown now."""
        if self._asked is not None:
            source, read, matte = self._asked
            self.show_frame_of(source, read, matte=matte)

    def show_frame_of(self, source: Path, read: InputSpec, *, matte: bool = False) -> None:
        """Show the first frame that is taken of a video.

        Args:
            source: the video.
            read: what of it is taken, and how.
            matte: its alpha, or its brightness where it has none.
        """
        self._asked = source, read, matte
        if not self.is_on_screen or not self.size.area:
            return
        wish = self.wish()
        if wish is None:
            return
        key = (source, Fraction(read.start or 0), wish.width, wish.height, matte)
        if key == self._meant:
            return
        self._meant = key
        if key in self._kept:
            self._show_kept(key)
        else:
            self.clear("…")
            self.set_timer(_REST_S, lambda: self._fetch(key, read) if key == self._meant else None)

    def forget_frame(self) -> None:
        """Mean no video any more."""
        self._meant = self._asked = None

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _fetch(self, key: _Key, read: InputSpec) -> None:
        from birefnet_video.tui.source_frames import SourceChild

        child = SourceChild(key[0], read, matte=key[4])
        try:
            found = child.frame(key[1], (key[2], key[3]), lambda: key == self._meant)
        finally:
            child.stop()
        # The screen may have gone meanwhile.
        with suppress(RuntimeError):
            self.app.call_from_thread(self._keep, key, found if found is None or isinstance(found, str) else found.rgb)

    def _keep(self, key: _Key, found: "np.ndarray | str | None") -> None:
        while len(self._kept) >= _MOST:
            self._kept.pop(next(iter(self._kept)))
        if found is not None:
            self._kept[key] = found
        if self.is_mounted and key == self._meant and found is not None:
            self._show_kept(key)

    def _show_kept(self, key: _Key) -> None:
        found = self._kept[key]
        if isinstance(found, str):
            self.clear(found)
        else:
            self.show(found)
