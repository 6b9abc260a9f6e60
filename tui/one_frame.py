"""The pane in which a form has one frame rendered, at any time, and compares two of them."""

from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.behind import over
from birefnet_video.tui.children import Facts, FrameChild
from birefnet_video.tui.dialogs import FrameDialog, Question
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.lines import Lines
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, beside, paint
from birefnet_video.tui.source_picture import SourcePicture
from birefnet_video.tui.text import moment
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from birefnet_video.options.input import InputSpec
from birefnet_video.options.values import parse_time
from birefnet_video.renders.wire import Picture

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_HINT = "^r renders one frame"
#: Steps of the wipe, as shares of the width.
_WIPE_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Made:
    """A frame that was rendered, and what with."""

    picture: Picture
    words: str
    behind: str = ""
    """The background that was chosen."""


class FramePane(Vertical, can_focus=True):
    """Shows one frame as it would be rendered; where there is no room for the pane, in a window."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "step(-1)", "-1 s", key_display="[", id="frame.earlier"),
        Binding("right_square_bracket", "step(1)", "+1 s", key_display="]", id="frame.later"),
        Binding("pageup", "step(-10)", "Ten seconds earlier", show=False, id="frame.much_earlier"),
        Binding("pagedown", "step(10)", "Ten seconds later", show=False, id="frame.much_later"),
        Binding("g", "go", "Go to", id="frame.go", tooltip="A time that you type"),
        Binding("enter", "screen.preview", "Render it", id="frame.render"),
        Binding("v", "view", "View", id="frame.view"),
        Binding("a", "keep", "Keep as A", id="frame.keep", tooltip="The next frame is compared with this one"),
        Binding("left", "wipe(-1)", "Border left", show=False, id="frame.wipe_left"),
        Binding("right", "wipe(1)", "Border right", show=False, id="frame.wipe_right"),
    ]

    def __init__(self) -> None:
        super().__init__(classes="pane", id="frame-pane")
        self.border_title = "one frame"
        self._child = FrameChild()
        self._facts: Facts | None = None
        self._time: float | None = None
        self._view = View.COMPOSITE
        self._source: Path | None = None
        self._kept: Made | None = None
        self._made: Made | None = None
        self._wipe = 0.5

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield SourcePicture(hint=_HINT, id="frame")
        yield Lines(id="frame-time")

    def on_mount(self) -> None:
        """See Textual."""
        self.tooltip = "[ and ] move a second, g goes to a time, a keeps a frame to compare the next one with"
        self.call_after_refresh(self._show_time)

    def on_unmount(self) -> None:
        """See Textual."""
        self._child.stop()

    def on_resize(self) -> None:
        """See Textual."""
        if self._made is None:
            self.call_after_refresh(self._show_source)

    def know(self, facts: Facts | None, source: Path | None = None) -> None:
        """What the input is, or ``None``: nobody knows yet.

        Args:
            facts: of the input.
            source: the input.
        """
        if source != self._source:
            self._made = self._kept = None
        self._facts, self._source = facts, source
        self._show_time()
        if self._made is None:
            self._show_source()

    def _show_source(self) -> None:
        """The input at the time that is set, until that is rendered."""
        if self._source is None or self._facts is None:
            return
        start = None if self._time is None else Fraction(round(1000 * self._time), 1000)
        self.query_one(SourcePicture).show_frame_of(self._source, InputSpec(start=start) if start else InputSpec())
        self.border_title = f"source; {_HINT}"

    def begin(self, values: FormValues, facts: Facts) -> None:
        """Render the frame of the time that is set; before that, the first one of the part that a form describes.

        Args:
            values: of the form.
            facts: of its input.
        """
        self._facts = facts
        view = self.query_one(PictureView)
        view.hint = "rendering …"
        view.refresh()
        self.notify("rendering one frame …")
        wish = view.wish() if view.is_on_screen else None
        screen = self.screen.size
        room = (wish.width, wish.height) if wish else (screen.width - 8, 2 * (screen.height - 6))
        self._child.stop()
        self._child = FrameChild()
        model = values.options.get("model") or "tiny"
        size = values.options.get("size")
        words = f"{model}{f' at {size}' if size else ''}"
        self._render_frame(self._child, values, facts, room, words)

    @work(thread=True, exclusive=True, group="frame", exit_on_error=False)
    def _render_frame(
        self, child: FrameChild, values: FormValues, facts: Facts, room: tuple[int, int], words: str
    ) -> None:
        result = child.render(values, facts, *room, at=self._time)
        background = values.background
        if isinstance(result, Picture) and background is not None:
            result = replace(result, sent=over(result.rgb, result.alpha, background))
        if not child.is_stopped:
            # The screen may have gone meanwhile.
            with suppress(RuntimeError):
                self.app.call_from_thread(self._show, result, words, str(background or ""))

    def _show(self, result: Picture | str, words: str, behind: str = "") -> None:
        if not self.is_mounted or not self.screen.is_current:
            return
        view = self.query_one(PictureView)
        if isinstance(result, str):
            view.hint = _HINT
            view.refresh()
            self.notify(result, title="no frame", severity="error", markup=False)
            return
        self._made = Made(result, words, behind)
        if view.is_on_screen:
            self._redraw()
        else:
            self.app.push_screen(FrameDialog(result))

    def _redraw(self) -> None:
        if self._made is None:
            return
        self.query_one(SourcePicture).forget_frame()
        shown, kept = paint(self._made.picture, self._view), self._kept
        is_sent, behind = self._view is View.SENT, self._made.behind
        name = f"over {behind}" if is_sent and behind else str(self._view)
        title = f"{name}: {self._made.words}"
        if kept is not None and kept is not self._made and kept.picture.rgb.shape == self._made.picture.rgb.shape:
            shown = beside(paint(kept.picture, self._view), shown, self._wipe)
            title = f"{name}: A {kept.words} │ B {self._made.words}"
        self.query_one(PictureView).show(shown)
        self.border_title = title

    def _show_time(self) -> None:
        """A slider: where in the input the frame is."""
        line = self.query_one("#frame-time", Lines)
        length = self._facts.seconds if self._facts is not None else None
        if not length or not line.size.width:
            line.show([Text("")])
            return
        inks, at = inks_of(self.app), self._time or 0.0
        words = f" {moment(at)}" if self._time is not None else " first frame"
        room = max(4, line.size.width - len(words))
        place = min(room - 1, int(at / length * room))
        track = (("─" * place, inks.good), ("●", f"bold {inks.accent}"), ("─" * (room - 1 - place), inks.quiet))
        line.show([Text.assemble(*track, words, no_wrap=True)])

    def _set_time(self, seconds: float) -> None:
        length = (self._facts.seconds if self._facts is not None else None) or 0.0
        # At its end there is no frame any more.
        self._time = min(max(0.0, seconds), max(0.0, length - 0.1)) if length else max(0.0, seconds)
        self._show_time()
        self._show_source()

    def action_step(self, seconds: int) -> None:
        """Go on, or back."""
        self._set_time((self._time or 0.0) + seconds)

    def action_go(self) -> None:
        """Go to a time that is typed."""

        def go(text: str | None) -> None:
            if text:
                self._set_time(float(parse_time(text, "time")))

        self.app.push_screen(Question("Time of the frame, such as 62.5 or 1:02.5:", "", _check_time), go)

    def action_view(self) -> None:
        """Show the next view."""
        has_sent = self._made is not None and self._made.picture.sent is not None
        self._view = self._view.following(with_sent=has_sent)
        self._redraw()

    def action_keep(self) -> None:
        """Compare what is rendered from now on with this frame, or with none."""
        self._kept = None if self._kept is self._made else self._made
        said = f"A is {self._kept.words}: change the form, ^r makes B" if self._kept else "nothing is compared any more"
        self.notify(said, markup=False)
        self._redraw()

    def action_wipe(self, way: int) -> None:
        """Move the border between A and B."""
        self._wipe = min(max(self._wipe + _WIPE_STEP * way, 0.0), 1.0)
        self._redraw()


def _check_time(text: str) -> None:
    parse_time(text, "time")
