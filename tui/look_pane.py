"""The pane with the large picture of a render: its view, the border to the source, and what part of it is shown."""

from typing import TYPE_CHECKING

from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, paint, view_title
from birefnet_video.tui.text import clock, count
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from birefnet_video.errors import UsageError
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.watcher import PictureWish
from birefnet_video.renders.wire import Picture
from birefnet_video.types import OWN_PIXELS

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

#: The next zoom by the one before, steps of the border, and of the part as shares of its sides.
_ZOOMS = {1: 2, 2: 4, 4: OWN_PIXELS, OWN_PIXELS: 1}
_WIPE_STEP, _MOVE_STEP = 0.05, 0.25


class LookPane(Vertical):
    """What of the frame is looked at, and how."""

    app: "BirefnetApp"

    class Changed(Message):
        """Another picture is wanted, or the same one otherwise."""

    def __init__(self) -> None:
        super().__init__(id="picture-pane", classes="pane")
        self.tooltip = "A click looks at a place in the frame's own pixels; z leads back"
        self._view = View.COMPOSITE
        self._wipe: float | None = None
        self._zoom = 1
        self._at: tuple[float, float] | None = None
        self._part = (0.0, 0.0, 1.0, 1.0)

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield PictureView(hint="the first picture is on its way", id="picture")

    @property
    def seen_as(self) -> object:
        """Changes if the same picture is to be shown otherwise."""
        return self._view, self._wipe, self.query_one(PictureView).size

    def wish(self, every_s: float) -> PictureWish | None:
        """What picture is wanted, or ``None`` if there is no room for any."""
        return self.query_one(PictureView).wish(self._zoom, every_s, self._at)

    def show(self, picture: Picture, record: JobRecord) -> None:
        """Show a picture of a render."""
        self._part = picture.part
        self.query_one(PictureView).show(paint(picture, self._view, self._wipe))
        behind = background_of(record) if self._view is View.SENT else ""
        title = view_title(f"as written, {behind}" if behind else str(self._view), self._wipe, self._zoom)
        subtitle = f"frame {count(picture.index)}  {clock(picture.seconds)}"
        # Any change draws all of the pane again.
        if self.border_title != title:
            self.border_title = title
        if self.border_subtitle != subtitle:
            self.border_subtitle = subtitle

    def next_view(self, picture: Picture | None) -> None:
        """Show the next view.

        Args:
            picture: that is shown.
        """
        self._view = self._view.following(with_sent=picture is not None and picture.sent is not None)
        self.post_message(self.Changed())

    def turn_wipe(self) -> None:
        """Show the source beside the result, or not."""
        self._wipe = 0.5 if self._wipe is None else None
        self.post_message(self.Changed())

    def next_zoom(self) -> None:
        """Enlarge a part, show it in the frame's own pixels, or show the whole picture."""
        self._zoom = _ZOOMS[self._zoom]
        if self._zoom == 1:
            self._at = None
        self.post_message(self.Changed())

    def move(self, across: int, down: int) -> None:
        """Move the border to the source, or the part that is enlarged."""
        if self._wipe is not None and across:
            self._wipe = min(max(self._wipe + _WIPE_STEP * across, 0.0), 1.0)
        elif self._zoom != 1:
            left, top, width, height = self._part
            x = left + width / 2 + _MOVE_STEP * width * across
            y = top + height / 2 + _MOVE_STEP * height * down
            # The part stays within the frame.
            self._at = min(max(x, width / 2), 1 - width / 2), min(max(y, height / 2), 1 - height / 2)
        self.post_message(self.Changed())

    def back(self) -> None:
        """The border in the middle, the part at the softest edge."""
        self._wipe, self._at = None if self._wipe is None else 0.5, None
        self.post_message(self.Changed())

    @on(PictureView.Clicked)
    def _look_closer(self, event: PictureView.Clicked) -> None:
        left, top, width, height = self._part
        self._at = left + event.x * width, top + event.y * height
        self._zoom = OWN_PIXELS
        self.post_message(self.Changed())


def background_of(record: JobRecord) -> str:
    """What the first composite of a render has behind the subject."""
    try:
        request = record.asked()
    except UsageError:
        return ""
    outputs: tuple[OutputSpec, ...] = request.spec.outputs if isinstance(request, RenderRequest) else ()
    return next((str(output.background) for output in outputs if output.kind == "composite"), "")
