"""The screen of one render: its picture, where its time goes, how long it will take."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.history import History
from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.lines import Lines
from birefnet_video.tui.log_pane import LogPane
from birefnet_video.tui.look_pane import LookPane
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, paint
from birefnet_video.tui.preferences import RATES
from birefnet_video.tui.rate_pane import MachineGraph, RateGraph
from birefnet_video.tui.render_lines import heading, how_far, how_long, in_short
from birefnet_video.tui.stage_table import StageTable
from birefnet_video.tui.telemetry import Telemetry
from birefnet_video.tui.text import pace, shortened
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from birefnet_video.events import JobState
from birefnet_video.renders.watcher import JobView, PictureWish, Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

#: Seconds from one look at the numbers to the next.
_TICK_S = 0.5
#: Seconds after which pictures are asked for once more.
_AGAIN_S = 2.0
#: Below the large picture, where there is room.
_SMALL = (View.MATTE, View.SOURCE, View.GREEN)


class MonitorScreen(Screen[None]):
    """Watches and steers one render."""

    app: "BirefnetApp"
    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("monitor"),
        Binding("space", "pause", "Pause", id="monitor.pause", tooltip="Pause the render, or go on"),
        Binding("c", "cancel", "Stop", id="monitor.cancel", tooltip="Stop the render; asks what becomes of the part"),
        Binding("v", "view", "View", id="monitor.view", tooltip="Composite, matte, source, green, as it is written"),
        Binding("w", "wipe", "Wipe", id="monitor.wipe", tooltip="The source beside the result"),
        Binding("left", "move(-1, 0)", "Border or part to the left", show=False, id="monitor.wipe_left"),
        Binding("right", "move(1, 0)", "Border or part to the right", show=False, id="monitor.wipe_right"),
        Binding("up", "move(0, -1)", "Part up", show=False, id="monitor.part_up"),
        Binding("down", "move(0, 1)", "Part down", show=False, id="monitor.part_down"),
        Binding("0", "middle", "Border to the middle, part to the softest edge", show=False, id="monitor.wipe_middle"),
        Binding(
            "z", "zoom", "Zoom", id="monitor.zoom", tooltip="A part two or four times as large, or in its own pixels"
        ),
        Binding("p", "preview", "Picture on or off", show=False, id="monitor.preview"),
        Binding("plus,equals_sign", "rate(1)", "More pictures", show=False, id="monitor.faster"),
        Binding("minus", "rate(-1)", "Fewer pictures", show=False, id="monitor.slower"),
        Binding("l", "log", "Log", id="monitor.log", tooltip="Only what the render said"),
        Binding("i", "internals", "What the interface costs", show=False, id="monitor.internals"),
        Binding("j,escape", "jobs", "Queue", id="monitor.jobs", tooltip="All renders"),
    ]

    def __init__(self, render: Watch, telemetry: Telemetry, history: History | None = None) -> None:
        """
        Args:
            render: to watch.
            telemetry: of the machine.
            history: of the render so far.
        """
        super().__init__()
        self._render_watch = render
        self._telemetry = telemetry
        self._with_picture = True
        self._rate = RATES.index(1.0)
        self._shown_picture: object = None
        self._wish: PictureWish | None = None
        self._wished_at = 0.0
        self._history = history or History()
        self._with_internals = False
        self._cpu = (time.monotonic(), time.thread_time())
        self._ended = False
        self._is_seen = True

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Lines(id="title")
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield LookPane()
                with Horizontal(id="more-pictures"):
                    for view in _SMALL:
                        with Vertical(classes="pane small") as pane:
                            pane.border_title = view
                            yield PictureView(id=f"small-{view}")
                yield LogPane()
            with Vertical(id="right"):
                with Vertical(id="stage-pane", classes="pane"):
                    yield StageTable(id="stages")
                with Horizontal(id="graphs"):
                    with Vertical(id="rate-pane", classes="pane"):
                        yield RateGraph(id="rate")
                    with Vertical(id="machine-pane", classes="pane"):
                        yield MachineGraph(id="machine")
        yield Lines(id="progress")
        yield Lines(id="times")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self._rate = RATES.index(self.app.preferences.rate)
        self.query_one("#stage-pane").border_title = "where the time goes"
        self.query_one("#rate-pane").border_title = "frames a second"
        self.query_one("#machine-pane").border_title = "machine"
        self.set_interval(_TICK_S, self._tick)
        self.call_after_refresh(self._tick)

    def on_resize(self) -> None:
        """See Textual."""
        self.call_after_refresh(self._tick)

    def on_screen_resume(self) -> None:
        """See Textual."""
        self._wish = None

    def on_screen_suspend(self) -> None:
        """No pictures for a screen that nobody sees."""
        self._render_watch.want(None)

    def on_app_blur(self) -> None:
        """No pictures for a window that nobody looks at."""
        self._is_seen = False

    def on_app_focus(self) -> None:
        """See Textual."""
        self._is_seen = True

    def _tick(self) -> None:
        if not self.is_current or not self.is_mounted:
            return
        view = self._render_watch.view
        self._telemetry.follow(view.record.pid)
        self._show_numbers(view)
        self.query_one(LogPane).show(view.lines)
        self._show_picture(view)
        if self._telemetry.complaint:
            self.notify(self._telemetry.complaint, severity="error", markup=False)
            self._telemetry.complaint = ""
        if view.is_over and not self._ended:
            self._ended = True
            self.app.show_summary(self._render_watch)

    def _show_numbers(self, view: JobView) -> None:
        snapshot, reading = view.snapshot, self._telemetry.latest
        inks = inks_of(self.app)
        self._put("#title", heading(view, self.size.width, inks))
        self._history.remember(snapshot, reading, time.monotonic())
        self.query_one(StageTable).show_job(snapshot, self._history, view.plan, view.advice)
        self.query_one(RateGraph).show_rate(self._history)
        self.query_one(MachineGraph).show_machine(self._history.readings)
        self._label("#rate-pane", subtitle=pace(snapshot.fps))
        note = reading.gpu_note if reading is not None and reading.gpu is None else ""
        self._label("#machine-pane", subtitle=shortened(note, max(0, self.query_one(MachineGraph).size.width - 4)))
        # While the network is being loaded, the record may know more than the render.
        known = replace(snapshot, total=snapshot.total or view.record.frames)
        self._put("#progress", how_far(known, self.size.width, view.subjects, inks))
        self._put("#times", how_long(snapshot, self.size.width))
        self._label("#stage-pane", subtitle=self._internals())

    def _show_picture(self, view: JobView) -> None:
        pane = self.query_one(LookPane)
        visible = self._with_picture and self._is_seen and not view.is_over
        wish = pane.wish(1 / RATES[self._rate]) if visible else None
        # Again now and then: a screen that is being left may say later that it wants none.
        if wish != self._wish or (wish is not None and time.monotonic() - self._wished_at > _AGAIN_S):
            self._wish, self._wished_at = wish, time.monotonic()
            self._render_watch.want(wish)
        # A render that is paused gives the same frame in another size, or another part of it.
        picture = view.picture
        seen = (picture.index, picture.rgb.shape, picture.part) if picture is not None else None
        key = (seen, pane.seen_as)
        if picture is None or not self._with_picture or key == self._shown_picture:
            return
        self._shown_picture = key
        pane.show(picture, view.record)
        for each in _SMALL:
            self.query_one(f"#small-{each}", PictureView).show_small(paint(picture, each))

    def _internals(self) -> str:
        if not self._with_internals:
            return ""
        before, self._cpu = self._cpu, (time.monotonic(), time.thread_time())
        passed = max(1e-3, self._cpu[0] - before[0])
        return f"interface {(self._cpu[1] - before[1]) / passed:.1%} of a core"

    def _put(self, selector: str, content: Text) -> None:
        self.query_one(selector, Lines).show([content])

    def _label(self, selector: str, title: str | None = None, subtitle: str = "") -> None:
        """Write on a pane's border, if it is not there already: any change draws all of the pane again."""
        pane = self.query_one(selector)
        if title is not None and pane.border_title != title:
            pane.border_title = title
        if (pane.border_subtitle or "") != subtitle:
            pane.border_subtitle = subtitle

    @on(LookPane.Changed)
    def _redraw(self) -> None:
        self._shown_picture = None
        self._show_picture(self._render_watch.view)

    def action_pause(self) -> None:
        """Pause, or go on."""
        state = self._render_watch.view.snapshot.state
        if state is JobState.PAUSED:
            self._render_watch.resume()
        elif state is JobState.RUNNING:
            self._render_watch.pause()
        else:
            self.notify("only a render that runs can be paused")
        self._tick()

    def action_view(self) -> None:
        """Show the next view."""
        self.query_one(LookPane).next_view(self._render_watch.view.picture)

    def action_wipe(self) -> None:
        """Show the source beside the result, or not."""
        self.query_one(LookPane).turn_wipe()

    def action_move(self, across: int, down: int) -> None:
        """Move the border between source and result, or the part that is enlarged."""
        self.query_one(LookPane).move(across, down)

    def action_middle(self) -> None:
        """The border in the middle, the part at the softest edge."""
        self.query_one(LookPane).back()

    def action_zoom(self) -> None:
        """Enlarge the softest edge, or show the whole picture."""
        self.query_one(LookPane).next_zoom()

    def action_preview(self) -> None:
        """Show pictures, or none."""
        self._with_picture = not self._with_picture
        self.notify("pictures on" if self._with_picture else "pictures off")

    def action_rate(self, step: int) -> None:
        """More or fewer pictures a second."""
        self._rate = min(max(self._rate + step, 0), len(RATES) - 1)
        self.app.prefer(rate=RATES[self._rate])
        self.notify(f"{RATES[self._rate]:g} pictures a second")

    def action_log(self) -> None:
        """Give the log all the room, or not."""
        self.toggle_class("-log")

    def action_internals(self) -> None:
        """Say what the interface costs, or not."""
        self._with_internals = not self._with_internals

    def action_jobs(self) -> None:
        """Show the queue."""
        self.app.show_queue(self._render_watch.view.record)

    def action_cancel(self) -> None:
        """Ask whether to stop the render."""
        if self._render_watch.view.is_over:
            return
        question = "Stop this render?\nThe part that is done can be kept under a name that says so."
        answers = {"keep": ("k", "Stop, keep the part"), "discard": ("d", "Stop, remove it")}
        inks = inks_of(self.app)
        dialog = Choice(question, answers, lambda: in_short(self._render_watch.view, inks))
        self.app.push_screen(dialog, self._cancel)

    def _cancel(self, answer: str | None) -> None:
        if answer is not None:
            self._render_watch.cancel(keep=answer == "keep")
            self.call_after_refresh(self._tick)

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()
