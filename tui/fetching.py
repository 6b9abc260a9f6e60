"""The window in which a model's weights are fetched."""

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from birefnet_video.tui.children import PullChild
from birefnet_video.tui.dialogs import Choice
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, ProgressBar, Static

from birefnet_video.zoo.known import KnownModel


def fetch_first(app: App[int], row: KnownModel | None, then: Callable[[], None]) -> bool:
    """Ask whether to fetch a model that is not here, and go on when it is.

    Args:
        app: that asks.
        row: the model; ``None``: it is here.
        then: goes on.

    Returns:
        whether there is something to fetch.
    """
    if row is None:
        return False

    def end(wrong: str | None) -> None:
        if wrong:
            app.notify(wrong, title=row.name, severity="error", markup=False)
        else:
            then()

    def take(answer: str | None) -> None:
        if answer == "fetch":
            app.push_screen(FetchDialog(row), end)

    question = f"{row.name} ({row.amount}, {row.terms}) is not on this machine. Fetch it now?"
    app.push_screen(Choice(question, {"fetch": ("f", "Fetch")}), take)
    return True


class FetchDialog(ModalScreen[str]):
    """Fetches while it is open; closes with what went wrong, or with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", "Stop; it goes on from there", id="fetch.stop")]

    def __init__(self, row: KnownModel) -> None:
        """
        Args:
            row: what to fetch.
        """
        super().__init__()
        self._row = row
        self._child = PullChild()

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog"):
            yield Static(Text(f"fetching {self._row.name} ({self._row.amount}, {self._row.terms})"))
            yield ProgressBar(total=self._row.bytes, id="fetched")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self._fetch()

    def on_unmount(self) -> None:
        """See Textual."""
        self._child.stop()

    @work(thread=True, exit_on_error=False)
    def _fetch(self) -> None:
        wrong = self._child.pull(self._row.name, self._progress)
        # The screen may have gone meanwhile.
        with suppress(RuntimeError):
            self.app.call_from_thread(self._end, wrong)

    def _progress(self, done: int, total: int | None) -> None:
        with suppress(RuntimeError):
            self.app.call_from_thread(self._show, done, total)

    def _show(self, done: int, total: int | None) -> None:
        if self.is_mounted:
            self.query_one(ProgressBar).update(progress=done, total=total)

    def _end(self, wrong: str) -> None:
        if self.is_current:
            self.dismiss(wrong)

    def action_stop(self) -> None:
        """Stop fetching."""
        self._child.stop()
        self.dismiss("stopped; what was fetched is kept")
