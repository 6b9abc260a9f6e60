"""The screen on which a subject is chosen: a frame of the input, marked with points and boxes."""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from birefnet_video.tui.dialogs import Choice, Question
from birefnet_video.tui.marks import Area, Cell, Grid, Marks, anywhere, around, check_name, is_about
from birefnet_video.tui.source_frames import SourceChild, SourceFrame
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.subjects import Subjects
from birefnet_video.tui.text import moment, shortened
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import get_current_worker

from birefnet_video.options.guidance import write_prompts
from birefnet_video.options.prompts import SUBJECT, Prompt
from birefnet_video.options.values import parse_time

#: Lines are not broken at it.
_SPACE = "\N{NO-BREAK SPACE}"


class SubjectScreen(Screen[tuple[Prompt, ...]]):
    """Marks subjects; gives all that has been said of them when it is left."""

    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "done", "Done", id="subject.done", tooltip="Back to the form, which takes the marks"),
        Binding("question_mark,f1", "app.help", "Help", id="app.help", tooltip="All keys of this screen"),
        Binding("enter,space", "point", "Point", id="subject.point", tooltip="This belongs to the subject"),
        Binding("b", "box", "Box", id="subject.box", tooltip="Its first corner, then the other one"),
        Binding("x", "exclude", "Not", id="subject.not", tooltip="The next mark is what is not meant"),
        Binding("n", "name", "Name", id="subject.name", tooltip="Whom the next marks are about"),
        Binding("u", "undo", "Undo", id="subject.undo", tooltip="Take the last mark back"),
        Binding("left_square_bracket", "step(-1)", "-1 s", id="subject.earlier", tooltip="A second earlier"),
        Binding("right_square_bracket", "step(1)", "+1 s", id="subject.later", tooltip="A second later"),
        Binding("l", "place", "Lost", id="subject.place", tooltip="The next place where a subject was lost"),
        Binding("s", "save", "Save", id="subject.save", tooltip="Write a file that --subjects reads"),
        Binding("pageup", "step(-10)", "Ten seconds earlier", show=False, id="subject.much_earlier"),
        Binding("pagedown", "step(10)", "Ten seconds later", show=False, id="subject.much_later"),
        Binding("comma", "frame(-1)", "One frame earlier", show=False, id="subject.frame_earlier"),
        Binding("full_stop", "frame(1)", "One frame later", show=False, id="subject.frame_later"),
        Binding("g", "go", "Go to a time", show=False, id="subject.go"),
        *(
            Binding(key, f"move({x}, {y})", f"Cursor {key}", show=False, id=f"subject.{key}")
            for key, (x, y) in {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.items()
        ),
        *(
            Binding(f"shift+{key}", f"move({x}, {y})", f"Cursor far {key}", show=False, id=f"subject.far_{key}")
            for key, (x, y) in {"left": (-8, 0), "right": (8, 0), "up": (0, -4), "down": (0, 4)}.items()
        ),
    ]

    def __init__(self, subjects: Subjects) -> None:
        """
        Args:
            subjects: what it begins with; the first place to look at is the first frame that is shown.
        """
        super().__init__()
        self._subjects = subjects
        self._marks = Marks(subjects.said)
        self._file = subjects.file
        self._asked = subjects.places[0].time if subjects.places else subjects.read.start
        self._frame: SourceFrame | None = None
        self._grid = Grid(1, 1)
        self._cursor = self._grid.middle
        self._corner: Cell | None = None
        self._child = SourceChild(subjects.source, subjects.read)

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Static(id="title")
        with Horizontal(id="subject-panes"):
            with Vertical(classes="pane", id="subject-pane"):
                yield SubjectView(hint="the frame is on its way", id="subject-view")
            with VerticalScroll(classes="pane", id="marks-pane", can_focus=False) as pane:
                pane.border_title = "marks"
                yield Static(id="marks")
        yield Static(id="next")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self._draw()

    def on_unmount(self) -> None:
        """See Textual."""
        self._child.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See Textual."""
        return bool(self._subjects.places) if action == "place" else True

    @on(SubjectView.Resized)
    def _look(self) -> None:
        """Have the frame decoded for the room that there is."""
        size = self.query_one(SubjectView).size
        if size.width and size.height:
            self._fetch(self._asked, (size.width, 2 * size.height))

    @work(thread=True, exclusive=True, group="subject", exit_on_error=False)
    def _fetch(self, time: Fraction, size: tuple[int, int]) -> None:
        worker = get_current_worker()
        found = self._child.frame(time, size, lambda: not worker.is_cancelled)
        if found is not None and not worker.is_cancelled:
            # The screen may have gone meanwhile.
            with suppress(RuntimeError):
                self.app.call_from_thread(self._take, found)

    def _take(self, found: SourceFrame | str) -> None:
        if not self.is_mounted:
            return
        view = self.query_one(SubjectView)
        if isinstance(found, str):
            self._frame = None
            view.clear("no frame")
            self.notify(found, title="no frame", severity="error", markup=False)
        else:
            self._frame = found
            view.show(found.rgb)
            grid = view.grid or self._grid
            self._cursor = self._grid.moved(self._cursor, grid)
            self._corner = self._corner and self._grid.moved(self._corner, grid)
            self._grid = grid
        self._draw()

    @property
    def _time(self) -> Fraction | None:
        """Of the frame, as marks have it: none if it is the first one of the part."""
        begins = self._frame.time if self._frame is not None else self._asked
        return None if self._subjects.is_first(begins) else begins

    def _draw(self) -> None:
        begins = self._frame.time if self._frame is not None else self._asked
        length = self._subjects.seconds
        clock = f"{moment(float(begins))}{f' of {moment(length)}' if length is not None else ''}"
        room = max(0, self.size.width - 14)
        source = shortened(str(self._subjects.source), room)
        self.query_one("#title", Static).update(Text.assemble((" SUBJECT   ", "bold"), source, no_wrap=True))
        pane = self.query_one("#subject-pane")
        note = self.query_one(SubjectView).note
        pane.border_title, pane.border_subtitle = f"frame, {note}" if note else "frame", clock
        self.query_one("#marks", Static).update(self._listed())
        self.query_one("#marks-pane").scroll_end(animate=False)
        self.query_one("#next", Static).update(Text(self._next(), no_wrap=True))
        here = self._marks.at(self._time, self._subjects.rate) if self._frame is not None else ()
        self.query_one(SubjectView).draw(here, self._subjects.size, self._cursor, self._corner)

    def _listed(self) -> Text:
        said, rate, places = self._marks.said, self._subjects.rate, self._subjects.places
        lines = ["look at", *(f"  {place.why}" for place in places), "", "marks"] if places else []
        lines += [f"{'▸' if is_about(each, self._time, rate) else ' '}{_SPACE}{_broken(each)}" for each in said]
        return Text("\n".join(lines if said else [*lines, "nobody: everything salient is kept"]))

    def _next(self) -> str:
        if self._frame is None:
            return ""
        x, y = (100 * (at + 0.5) / size for at, size in zip(self._cursor, self._grid, strict=True))
        what = "the other corner" if self._corner is not None else "next mark"
        return f" {x:.1f}%, {y:.1f}%   {what}: {'not ' if self._marks.is_not else ''}{self._marks.name}"

    def action_move(self, columns: int, lines: int) -> None:
        """Move the cursor."""
        self._cursor = self._grid.within(Cell(self._cursor.column + columns, self._cursor.line + lines))
        self._draw()

    def action_point(self) -> None:
        """Mark the cell under the cursor, or end the box that is begun."""
        if self._corner is not None:
            self.action_box()
        else:
            self._mark_point(self._cursor)

    @on(SubjectView.Pointed)
    def _on_pointed(self, event: SubjectView.Pointed) -> None:
        self._corner = None
        self._mark_point(event.cell)

    @on(SubjectView.Boxed)
    def _on_boxed(self, event: SubjectView.Boxed) -> None:
        self._mark_box(event.area, event.area.last)

    def action_box(self) -> None:
        """Begin a box at the cursor, or end it there."""
        if self._frame is None:
            return
        if self._corner is None:
            self._corner = self._cursor
            self._draw()
        else:
            self._mark_box(around(self._corner, self._cursor), self._cursor)

    def _mark_point(self, cell: Cell) -> None:
        if self._frame is not None:
            self._cursor = cell
            self._marks = self._marks.with_point(cell, self._grid, self._time)
        self._draw()

    def _mark_box(self, area: Area, cursor: Cell) -> None:
        self._corner, self._cursor = None, cursor
        if self._frame is not None:
            self._marks = self._marks.with_box(area, self._grid, self._time)
        self._draw()

    def action_exclude(self) -> None:
        """The next mark is what is not meant, or is meant after all."""
        self._marks = replace(self._marks, is_not=not self._marks.is_not)
        self._draw()

    def action_name(self) -> None:
        """Ask whom the next marks are about."""

        def take(name: str | None) -> None:
            if name is not None:
                self._marks = replace(self._marks, name=name or SUBJECT)
                self._draw()

        begin = "" if self._marks.name == SUBJECT else self._marks.name
        self.app.push_screen(Question("Whom are the next marks about? Empty: the subject", begin, check_name), take)

    def action_undo(self) -> None:
        """Take back the corner of a box, or the last mark."""
        if self._corner is not None:
            self._corner = None
        else:
            self._marks = self._marks.undone()
        self._draw()

    def action_step(self, seconds: int) -> None:
        """Show the frame that is so many seconds later."""
        self._go(self._asked + seconds)

    def action_frame(self, frames: int) -> None:
        """Show the frame that is so many frames later."""
        self._go(self._asked + frames / Fraction(self._subjects.rate).limit_denominator(100_000))

    def action_place(self) -> None:
        """Show the next place that is to be looked at; behind the last one the first."""
        times = [place.time for place in self._subjects.places]
        self._go(next((time for time in times if time > self._asked), times[0]))

    def action_go(self) -> None:
        """Ask for a time."""

        def take(answer: str | None) -> None:
            if answer:
                self._go(parse_time(answer, "time").limit_denominator(1000))

        self.app.push_screen(Question("Which time?", "", lambda text: parse_time(text or "0", "time")), take)

    def _go(self, time: Fraction) -> None:
        self._asked = self._subjects.within(time)
        self._corner = None
        self._look()

    def action_save(self) -> None:
        """Write what was marked into a file that ``--subjects`` reads."""
        path = self._file or self._subjects.usual_file
        if not self._marks.said:
            self.notify("nobody is marked")
        elif path == self._file or not path.exists():
            self._write(path)
        else:
            question, answers = f"{path.name} is there already.", {"replace": ("o", "Replace it")}
            self.app.push_screen(Choice(question, answers), lambda answer: self._write(path) if answer else None)

    def _write(self, path: Path) -> None:
        try:
            write_prompts(path, anywhere(self._marks.said))
        except OSError as error:
            self.notify(f"{path}: {error.strerror}", title="not saved", severity="error", markup=False)
            return
        self._file = path
        self.notify(f"--subjects {path}", title="saved", markup=False)

    def action_done(self) -> None:
        """Give up the box that is begun, or go back to the form with all marks."""
        if self._corner is not None:
            self._corner = None
            self._draw()
            return
        self.dismiss(self._marks.said)


def _broken(prompt: Prompt) -> str:
    """A prompt as it is typed, with places for the ends of lines."""
    return str(prompt).replace(",", ", ")
