"""The screen of a live session: what the camera shows, and how late it comes out."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.lines import Lines
from birefnet_video.tui.log_pane import LogPane
from birefnet_video.tui.marks import Grid, Marks
from birefnet_video.tui.pictures import View, paint
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.telemetry import Telemetry
from birefnet_video.tui.text import clock, pace, shortened, size, sparkline
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from birefnet_video.events import LiveSnapshot, LiveState
from birefnet_video.options.request import LiveRequest
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.watcher import JobView, PictureWish, Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_TICK_S = 0.5
_MARKS = {
    LiveState.STARTING: "… STARTING",
    LiveState.LIVE: "● LIVE",
    LiveState.FROZEN: "‖ FROZEN",
    LiveState.LOST: "! CAMERA LOST",
    LiveState.UNWATCHED: "◌ NOBODY WATCHES",
    LiveState.ENDED: "✔ ENDED",
    LiveState.FAILED: "✖ FAILED",
}
#: By key: what is behind the subject.
_BACKGROUNDS = {"1": "blur", "2": "green", "3": "black", "4": "white"}
#: Alpha from which edges are hard, in the order of the key.
_THRESHOLDS = (None, 0.3, 0.5, 0.7)


class LiveScreen(Screen[None]):
    """Watches and steers one live session."""

    app: "BirefnetApp"
    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("live"),
        Binding("c", "stop", "Stop", id="live.stop", tooltip="End the session and finish recordings"),
        Binding("space", "freeze", "Freeze", id="live.freeze", tooltip="Keep the picture, or go on"),
        Binding("v", "view", "View", id="live.view"),
        *(
            Binding(
                key, f"background('{name}')", name.capitalize(), id=f"live.{name}", tooltip="Background of the outputs"
            )
            for key, name in _BACKGROUNDS.items()
        ),
        Binding("m", "mirror", "Mirror", id="live.mirror"),
        Binding("h", "threshold", "Hard edges", id="live.threshold"),
        Binding("e", "everybody", "Everybody", id="live.everybody", tooltip="Keep everything again, not one subject"),
        Binding("j,escape", "jobs", "Queue", id="live.jobs", tooltip="All renders; the session goes on"),
    ]

    def __init__(self, session: Watch, telemetry: Telemetry) -> None:
        """
        Args:
            session: to watch.
            telemetry: of the machine.
        """
        super().__init__()
        self._session = session
        self._telemetry = telemetry
        self._view = View.SENT
        self._background: str | None = None
        self._latencies: deque[float] = deque(maxlen=240)
        self._wish: PictureWish | None = None
        self._ended = False

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Lines(id="title")
        with Horizontal(id="panes"):
            with Vertical(id="picture-pane", classes="pane"):
                yield SubjectView(hint="the camera is being opened", id="picture")
            with Vertical(id="stage-pane", classes="pane"):
                yield Lines(id="live-numbers")
        yield LogPane()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#stage-pane").border_title = "latency"
        self.set_interval(_TICK_S, self._tick)
        self.call_after_refresh(self._tick)

    def on_screen_suspend(self) -> None:
        """No pictures for a screen that nobody sees."""
        self._wish = None
        self._session.want(None)

    def _tick(self) -> None:
        if not self.is_current or not self.is_mounted:
            return
        view = self._session.view
        self._telemetry.follow(view.record.pid)
        self._show_numbers(view)
        self.query_one(LogPane).show(view.lines)
        self._show_picture(view)
        if view.is_over and not self._ended:
            self._ended = True
            self.app.show_summary(self._session)

    def _show_numbers(self, view: JobView) -> None:
        snapshot = view.live
        mark = _MARKS[snapshot.state if snapshot else LiveState.STARTING]
        mark = "■ ENDING" if view.asked == "cancel" else mark
        where = f"{view.record.source} → {', '.join(view.record.outputs) or 'this window'}"
        room = max(0, self.size.width - len(mark) - 5)
        self.query_one("#title", Lines).show([Text.assemble((f" {mark}   ", "bold"), shortened(where, room))])
        lines = _numbers(snapshot, self._latencies, self.query_one("#live-numbers").size.width) if snapshot else []
        reading = self._telemetry.latest
        if reading is not None:
            lines.append(f"CPU {reading.cores:.1f}/{reading.of_cores} cores  RAM {size(reading.memory)}")
        if snapshot is not None:
            edges = f"hard at {snapshot.threshold:g}" if snapshot.threshold is not None else "soft"
            mirror = "on" if snapshot.mirror else "off"
            lines += [
                "",
                f"background {self._background or _background_of(view.record)}",
                f"mirror {mirror}   edges {edges}",
                *(f"{name} {state}" for name, state in snapshot.subjects.items()),
            ]
        self.query_one("#live-numbers", Lines).show([Text(line) for line in lines])

    def _show_picture(self, view: JobView) -> None:
        widget = self.query_one("#picture", SubjectView)
        wish = widget.wish(every_s=0.5)
        if wish != self._wish:
            self._wish = wish
            self._session.want(wish)
        if view.picture is None:
            return
        widget.show(paint(view.picture, self._view))
        pane = self.query_one("#picture-pane")
        title = f"{self._view}, {widget.note}" if widget.note else str(self._view)
        if pane.border_title != title:
            pane.border_title = title

    def action_freeze(self) -> None:
        """Keep the picture, or go on."""
        live = self._session.view.live
        if live is not None:
            self._session.tell({"do": "freeze", "on": live.state is not LiveState.FROZEN})

    def action_view(self) -> None:
        """Show the next view."""
        self._view = self._view.following(with_sent=True)
        self._show_picture(self._session.view)

    def action_background(self, name: str) -> None:
        """Change what is behind the subject in the outputs."""
        self._background = name
        self._session.tell({"do": "background", "text": name})

    def action_mirror(self) -> None:
        """Show left as right, or not."""
        live = self._session.view.live
        if live is not None:
            self._session.tell({"do": "mirror", "on": not live.mirror})

    def action_threshold(self) -> None:
        """Make edges harder, or soft again."""
        live = self._session.view.live
        if live is not None:
            known = _THRESHOLDS.index(live.threshold) if live.threshold in _THRESHOLDS else -1
            self._session.tell({"do": "threshold", "value": _THRESHOLDS[(known + 1) % len(_THRESHOLDS)]})

    @on(SubjectView.Pointed)
    def _on_pointed(self, event: SubjectView.Pointed) -> None:
        self._keep_to(lambda grid: Marks().with_point(event.cell, grid, None))

    @on(SubjectView.Boxed)
    def _on_boxed(self, event: SubjectView.Boxed) -> None:
        self._keep_to(lambda grid: Marks().with_box(event.area, grid, None))

    def _keep_to(self, mark: Callable[[Grid], Marks]) -> None:
        grid = self.query_one("#picture", SubjectView).grid
        if grid is not None:
            self._session.tell({"do": "subject", "text": str(mark(grid).said[0]), "keep": False})

    def action_everybody(self) -> None:
        """Keep everything again."""
        self._session.tell({"do": "subject", "text": "", "keep": False})

    def action_stop(self) -> None:
        """Ask whether to end the session."""
        answers = {"stop": ("s", "End it")}
        self.app.push_screen(Choice("End this session? Recordings are finished.", answers), self._stop)

    def _stop(self, answer: str | None) -> None:
        if answer is not None:
            self._session.cancel(keep=True)
            self.call_after_refresh(self._tick)

    def action_jobs(self) -> None:
        """Show the queue."""
        self.app.show_queue()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()


def _background_of(record: JobRecord) -> str:
    """What a session was started with."""
    asked = record.asked()
    return str(asked.spec.shown.behind) if isinstance(asked, LiveRequest) else ""


def _numbers(snapshot: LiveSnapshot, latencies: "deque[float]", width: int) -> list[str]:
    latencies.append(snapshot.latency_p50_s)
    size_words = f"sees {snapshot.size[1]}x{snapshot.size[0]}" if snapshot.size else ""
    return [
        f"{1000 * snapshot.latency_p50_s:.0f} ms  {sparkline(latencies, max(4, width - 10))}",
        f"p95 {1000 * snapshot.latency_p95_s:.0f}  longest {1000 * snapshot.latency_max_s:.0f} ms",
        f"network {1000 * snapshot.network_s:.0f} ms  {size_words}",
        "",
        f"{pace(snapshot.fps)}   live for {clock(snapshot.elapsed_s)}",
        f"taken {snapshot.taken}  shown {snapshot.shown}",
        f"dropped {snapshot.dropped}  unchanged {snapshot.reused}",
        f"camera lost {snapshot.reconnects} times" if snapshot.reconnects else "",
    ]
