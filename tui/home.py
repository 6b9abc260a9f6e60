"""The screen that the interface begins with: clips of the folder, what runs, and recent renders."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.inks import Inks, inks_of
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.queue_rows import progress_of, when
from birefnet_video.tui.render_lines import ink_of
from birefnet_video.tui.seen import is_seen
from birefnet_video.tui.source_picture import SourcePicture
from birefnet_video.tui.text import progress, shortened, size
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from birefnet_video.many.folders import videos_of
from birefnet_video.options.input import InputSpec
from birefnet_video.renders.record import JobRecord, RecordState

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_TICK_S = 1.0
#: Columns from which lines of renders have their long form.
_BROAD = 110
#: Clips and renders that are listed.
_MOST_CLIPS, _MOST_RENDERS = 500, 40
_NO_CLIP = "No video in this folder.\n\no   looks for one elsewhere\nn   takes a path that you type"
_NO_RENDER = "No render yet: take a clip at the left with Enter."


class HomeScreen(Screen[None]):
    """Begin here: Enter on a clip makes a render of it, Enter on a render shows it."""

    app: "BirefnetApp"
    AUTO_FOCUS = "#clips"

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("home"),
        Binding("enter", "take", "Take it", id="home.take", tooltip="A render of this clip, or watch this render"),
        Binding("o", "browse", "Open elsewhere", id="home.browse", tooltip="Look for a video in other folders"),
        Binding("n", "new", "New render", id="home.new", tooltip="A form for which you type the path"),
        Binding("j,escape", "queue", "Queue", id="home.queue", tooltip="All renders that wait, run or have ended"),
    ]

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: whose clips are offered.
        """
        super().__init__()
        self._folder = folder
        self._clips: list[Path] = []
        self._renders: list[JobRecord] = []

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Static(Text.assemble((" birefnet-video  ", "bold"), str(self._folder), no_wrap=True), id="title")
        with Horizontal(id="home-panes"):
            with Vertical(classes="pane", id="clips-pane") as pane:
                pane.border_title = "clips of this folder"
                yield OptionList(id="clips", compact=True)
                yield Static(Text(_NO_CLIP), id="no-clip")
            with Vertical(id="home-right"):
                with Vertical(classes="pane", id="clip-pane") as pane:
                    pane.border_title = "this clip"
                    yield SourcePicture(id="clip-picture")
                with Vertical(classes="pane", id="renders-pane") as pane:
                    pane.border_title = "renders"
                    yield OptionList(id="recent", compact=True)
                    yield Static(Text(_NO_RENDER), id="no-render")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self._list_clips()
        self.set_interval(_TICK_S, self.look)
        self.call_after_refresh(self.look)

    def on_screen_resume(self) -> None:
        """See Textual."""
        if self.is_mounted and self.query("#recent"):
            self.look()

    def on_resize(self) -> None:
        """See Textual."""
        self.call_after_refresh(self._show_picture)

    def _list_clips(self) -> None:
        try:
            self._clips = videos_of(self._folder)[:_MOST_CLIPS]
        except OSError as error:
            self.notify(f"{self._folder}: {error.strerror}", severity="error", markup=False)
        clips = self.query_one("#clips", OptionList)
        clips.add_options(Option(_clip_line(path), id=str(index)) for index, path in enumerate(self._clips))
        clips.display, self.query_one("#no-clip").display = bool(self._clips), not self._clips
        self.query_one("#clips-pane").border_subtitle = f"{len(self._clips)}" if self._clips else ""
        if self._clips:
            clips.highlighted = 0
        else:
            self.query_one("#recent").focus()

    def look(self) -> None:
        """Show the renders as they are now."""
        if not is_seen(self):
            return
        records = sorted(self.app.store.records(), key=_rank)[:_MOST_RENDERS]
        recent = self.query_one("#recent", OptionList)
        inks = inks_of(self.app)
        lines = [self._render_line(record, inks) for record in records]
        if [each.id for each in records] != [each.id for each in self._renders]:
            highlighted = recent.highlighted
            recent.clear_options()
            recent.add_options(Option(line) for line in lines)
            recent.highlighted = min(highlighted or 0, len(lines) - 1) if lines else None
        else:
            for index, line in enumerate(lines):
                if recent.get_option_at_index(index).prompt != line:
                    recent.replace_option_prompt_at_index(index, line)
        self._renders = records
        recent.display, self.query_one("#no-render").display = bool(records), not records
        self._show_picture()

    def _render_line(self, record: JobRecord, inks: Inks) -> Text:
        is_running = record.state is RecordState.RUNNING
        far = progress_of(record, self.app.watch_of(record).view if is_running else None)
        ink = ink_of(far.state, inks)
        is_broad = self.size.width >= _BROAD
        how = f"{far.share:4.0%} {far.eta.removeprefix('00:')}"
        how = f"{progress(far.share, 8)} {how}" if is_broad else how
        # A camera has no end to be a share of.
        is_known = is_running and not record.is_live
        room = 22 if is_broad else 13
        name = shortened(Path(record.source).name, room)
        said = how if is_known else when(record.ended_at or record.created_at)
        words = (said, "" if is_known else inks.quiet)
        return Text.assemble((f"{far.mark:<10}", ink), f"{name:<{room + 1}}", words, no_wrap=True)

    @on(OptionList.OptionHighlighted, "#clips")
    def _show_picture(self) -> None:
        clip = self._clip
        if clip is not None and is_seen(self):
            self.query_one("#clip-pane").border_subtitle = shortened(clip.name, 30)
            self.query_one(SourcePicture).show_frame_of(clip.absolute(), InputSpec())

    @property
    def _clip(self) -> Path | None:
        place = self.query_one("#clips", OptionList).highlighted
        return self._clips[place] if place is not None and place < len(self._clips) else None

    @on(OptionList.OptionSelected)
    def _on_taken(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        """A render of the clip, or watch the render, where the cursor is."""
        recent = self.query_one("#recent", OptionList)
        if recent.has_focus and recent.highlighted is not None:
            self.app.open_render(self._renders[recent.highlighted])
        elif self._clip is not None:
            clip = self._clip
            inside = clip.relative_to(Path.cwd()) if clip.is_relative_to(Path.cwd()) else clip
            self.app.show_form(str(inside))

    def action_browse(self) -> None:
        """Look for a video elsewhere."""
        from birefnet_video.tui.dialogs import FilePicker

        def take(path: Path | None) -> None:
            if path is not None:
                self.app.show_form(str(path))

        self.app.push_screen(FilePicker(self._folder.resolve()), take)

    def action_new(self) -> None:
        """Begin a new render."""
        self.app.show_form()

    def action_queue(self) -> None:
        """Show the queue."""
        self.app.show_queue()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()


def _rank(record: JobRecord) -> tuple[int, float]:
    """What runs comes first, then what waits, then the latest."""
    order = {RecordState.RUNNING: 0, RecordState.WAITING: 1}
    return order.get(record.state, 2), -(record.ended_at or record.created_at)


def _clip_line(path: Path) -> Text:
    try:
        status = path.stat()
    except OSError:
        return Text(path.name, no_wrap=True)
    return Text(f"{size(status.st_size):>8}  {path.name:<28}  {when(status.st_mtime)}", no_wrap=True)
