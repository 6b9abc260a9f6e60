"""The pane in which a form has one frame rendered."""

from contextlib import suppress
from typing import TYPE_CHECKING

from birefnet_video.tui.children import Facts, FrameChild
from birefnet_video.tui.dialogs import FrameDialog
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, paint
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical

from birefnet_video.renders.wire import Picture

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_HINT = "^r renders one frame"


class FramePane(Vertical):
    """Shows one frame as it would be rendered; where there is no room for the pane, in a window."""

    app: "BirefnetApp"

    def __init__(self) -> None:
        super().__init__(classes="pane", id="frame-pane")
        self.border_title = "one frame"
        self._child = FrameChild()

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield PictureView(hint=_HINT, id="frame")

    def on_unmount(self) -> None:
        """See Textual."""
        self._child.stop()

    def begin(self, values: FormValues, facts: Facts) -> None:
        """Render the first frame of the part that a form describes.

        Args:
            values: of the form.
            facts: of its input.
        """
        view = self.query_one(PictureView)
        view.hint = "rendering …"
        view.refresh()
        self.notify("rendering one frame …")
        wish = view.wish() if view.is_on_screen else None
        screen = self.screen.size
        width, height = (wish.width, wish.height) if wish else (screen.width - 8, 2 * (screen.height - 6))
        self._child.stop()
        self._child = FrameChild()
        self._render_frame(self._child, values, facts, width, height)

    @work(thread=True, exclusive=True, group="frame", exit_on_error=False)
    def _render_frame(self, child: FrameChild, values: FormValues, facts: Facts, width: int, height: int) -> None:
        result = child.render(values, facts, width, height)
        if not child.is_stopped:
            # The screen may have gone meanwhile.
            with suppress(RuntimeError):
                self.app.call_from_thread(self._show, result)

    def _show(self, result: Picture | str) -> None:
        if not self.is_mounted or not self.screen.is_current:
            return
        view = self.query_one(PictureView)
        if isinstance(result, str):
            view.hint = _HINT
            view.refresh()
            self.notify(result, title="no frame", severity="error", markup=False)
        elif view.is_on_screen:
            view.show(paint(result, View.COMPOSITE))
        else:
            self.app.push_screen(FrameDialog(result))
