"""Questions that stand above a screen."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, paint
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, DirectoryTree, Footer, Input, Static

from birefnet_video.errors import UsageError
from birefnet_video.many.folders import VIDEO_SUFFIXES
from birefnet_video.renders.wire import Picture

#: Seconds from one look at what a question is about to the next.
_TICK_S = 1.0


class Choice(ModalScreen[str | None]):
    """A question with a key for every answer; escape gives ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_none", "Back", id="dialog.back")]

    def __init__(
        self, question: str, answers: dict[str, tuple[str, str]], state: Callable[[], Text] | None = None
    ) -> None:
        """
        Args:
            question: what is asked.
            answers: by what is returned: a key, and words.
            state: gives what the question is about as it is now, which is shown above it.
        """
        super().__init__()
        self._question = question
        self._answers = answers
        self._state = state

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog"):
            if self._state is not None:
                yield Static(self._state(), id="state")
            yield Static(Text(self._question))
            with Horizontal(classes="buttons"):
                for answer, (key, words) in self._answers.items():
                    yield Button(Text(f"{words} [{key}]"), id=f"answer-{answer}")
                yield Button(Text("Back [esc]"), id="back")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        for answer, (key, words) in self._answers.items():
            self._bindings.bind(key, f"answer('{answer}')", words)
        self.refresh_bindings()
        if self._state is not None:
            self.set_interval(_TICK_S, self._show_state)

    def _show_state(self) -> None:
        if self._state is not None:
            self.query_one("#state", Static).update(self._state())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """See Textual."""
        chosen = event.button.id or ""
        self.dismiss(chosen.removeprefix("answer-") if chosen != "back" else None)

    def action_answer(self, answer: str) -> None:
        """Take an answer."""
        self.dismiss(answer)

    def action_dismiss_none(self) -> None:
        """Go back."""
        self.dismiss(None)


class Question(ModalScreen[str | None]):
    """A line of text, checked as it is typed; escape gives ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Back", id="question.back")]

    def __init__(self, question: str, value: str, check: Callable[[str], object]) -> None:
        """
        Args:
            question: what is asked.
            value: that the line begins with.
            check: raises ``UsageError`` for what is no answer.
        """
        super().__init__()
        self._question, self._value, self._check = question, value, check

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog question"):
            yield Static(Text(self._question))
            yield Input(self._value, compact=True, id="answer")
            yield Static("", classes="wrong")
        yield Footer(show_command_palette=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """See Textual."""
        self.query_one(".wrong", Static).update(Text(self._complaint(event.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """See Textual."""
        if not self._complaint(event.value):
            self.dismiss(event.value.strip())

    def _complaint(self, value: str) -> str:
        try:
            self._check(value.strip())
        except UsageError as error:
            return f"✖ {error}"
        return ""

    def action_cancel(self) -> None:
        """Go back."""
        self.dismiss(None)


class FrameDialog(ModalScreen[None]):
    """One picture, until a key closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,space", "close", "Back", id="frame.back"),
        Binding("v", "view", "View", id="frame.view"),
    ]

    def __init__(self, picture: Picture) -> None:
        """
        Args:
            picture: frame and alpha.
        """
        super().__init__()
        self._picture = picture
        self._view = View.COMPOSITE

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog frame"):
            yield PictureView()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        self.query_one(PictureView).show(paint(self._picture, self._view))

    def action_view(self) -> None:
        """Show the next view."""
        self._view = self._view.following()
        self._show()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


class _Files(DirectoryTree):
    def __init__(self, root: Path, suffixes: tuple[str, ...]) -> None:
        super().__init__(root, id="files")
        self._suffixes = suffixes

    def filter_paths(self, paths):  # type: ignore[no-untyped-def]  # as Textual has it
        """Folders, and files of the right kind; nothing hidden."""
        return [
            path
            for path in paths
            if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in self._suffixes)
        ]


class FilePicker(ModalScreen[Path | None]):
    """A file or folder that exists."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", id="picker.back"),
        Binding("u", "up", "Parent folder", id="picker.up"),
        Binding("f", "folder", "Take this folder", id="picker.folder"),
    ]

    def __init__(self, start: Path, suffixes: tuple[str, ...] = VIDEO_SUFFIXES, *, with_folders: bool = True) -> None:
        """
        Args:
            start: folder that is shown first.
            suffixes: of the files that are shown.
            with_folders: a folder can be taken, for all its videos.
        """
        super().__init__()
        self._start = start
        self._suffixes = suffixes
        self._with_folders = with_folders

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog picker"):
            yield Static(Text(str(self._start)), id="where")
            yield _Files(self._start, self._suffixes)
        yield Footer(show_command_palette=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See Textual."""
        return self._with_folders if action == "folder" else True

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        """See Textual."""
        event.stop()
        self.dismiss(event.path)

    def action_up(self) -> None:
        """Show the folder above."""
        files = self.query_one(_Files)
        parent = Path(files.path).resolve().parent
        files.path = parent
        self.query_one("#where", Static).update(Text(str(parent)))

    def action_folder(self) -> None:
        """Take the folder under the cursor, or the one that is shown."""
        files = self.query_one(_Files)
        node = files.cursor_node
        path = node.data.path if node is not None and node.data is not None else Path(files.path)
        self.dismiss(path if path.is_dir() else path.parent)

    def action_cancel(self) -> None:
        """Go back."""
        self.dismiss(None)
