"""A group of fields that is folded away."""

from collections.abc import Callable, Sequence

from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible, Static


class FoldedGroup(Collapsible):
    """Its rows are made when it is unfolded for the first time: most of a form's widgets are never looked at."""

    class Made(Message):
        """Its fields are there now."""

    def __init__(self, title: str, rows: Callable[[], Sequence[Widget]], *, unfolded: bool) -> None:
        """
        Args:
            title: of the group.
            rows: makes what is in it; called once.
            unfolded: it is, from the beginning.
        """
        super().__init__(*(rows() if unfolded else ()), title=title, collapsed=not unfolded, classes="more")
        self._rows = rows
        self._is_made = unfolded

    async def on_collapsible_expanded(self) -> None:
        """See Textual."""
        if not self._is_made:
            self._is_made = True
            await self.query_one(Collapsible.Contents).mount_all(self._rows())
            self.post_message(self.Made())


def row(label: str, field: Widget) -> Widget:
    """A field, what it is called and, where something is wrong with it, what.

    Args:
        label: in front of it; may be empty.
        field: with an id.
    """
    complaint = Static("", classes="complaint", id=f"complaint-{field.id}")
    return Horizontal(Static(label, classes="label"), field, complaint, classes="row")
