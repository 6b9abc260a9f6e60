"""The table of renders, whose columns depend on its room."""

from rich.text import Text
from textual.widgets import DataTable


class RenderTable(DataTable[Text]):
    """Rows by the id of their render; what has not changed is not drawn again."""

    def __init__(self) -> None:
        super().__init__(id="renders", cursor_type="row", zebra_stripes=True)
        self._shown: dict[str, dict[str, Text]] = {}
        self._names: tuple[str, ...] = ()
        self._wanted: str | None = None

    def choose(self, render_id: str) -> None:
        """Have the cursor on this row, once it is there."""
        self._wanted = render_id

    @property
    def chosen(self) -> str | None:
        """The id under the cursor."""
        ids = list(self._shown)
        return ids[self.cursor_row] if 0 <= self.cursor_row < len(ids) else None

    def show(self, rows: dict[str, dict[str, Text]], columns: tuple[str, ...]) -> None:
        """
        Args:
            rows: by id, in their order: cells by column.
            columns: that there is room for.
        """
        if columns != self._names or list(rows) != list(self._shown) or self._wanted in rows:
            self._fill(rows, columns)
        for render_id, row in rows.items():
            before = self._shown.get(render_id)
            for column in columns:
                if before is not None and before[column] != row[column]:
                    self.update_cell(render_id, column, row[column], update_width=True)
        self._shown = rows

    def _fill(self, rows: dict[str, dict[str, Text]], columns: tuple[str, ...]) -> None:
        chosen, row_before = self.chosen, self.cursor_row
        self.clear(columns=columns != self._names)
        if columns != self._names:
            for column in columns:
                self.add_column(column, key=column)
            self._names = columns
        for render_id, row in rows.items():
            self.add_row(*(row[column] for column in columns), key=render_id)
        wanted = self._wanted if self._wanted in rows else chosen if chosen in rows else None
        self._wanted = None if self._wanted in rows else self._wanted
        self._shown = rows
        self.move_cursor(row=list(rows).index(wanted) if wanted else row_before)
