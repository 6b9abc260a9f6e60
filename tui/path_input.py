"""A field for a path, and the list of names below it."""

from collections.abc import Callable
from pathlib import Path

from birefnet_video.tui.completing import PathSuggester, completions
from rich.text import Text
from textual import events
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

#: Names that the list has at most, and its least width.
MOST, _WIDTH = 8, 24
_KEYS = {"down": 1, "up": -1}


class Completions(OptionList, can_focus=False):
    """Names that fit what is typed; lies above the screen, and belongs to a field."""

    def __init__(self, owner: "PathInput") -> None:
        """
        Args:
            owner: the field.
        """
        super().__init__()
        self._owner = owner

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click; see Textual."""
        event.stop()
        self._owner.take(event.option_index)


class PathInput(Input):
    """Offers names of files and folders: in grey the first, in a list all of them."""

    def __init__(self, value: str, fits: Callable[[Path], bool], *, placeholder: str = "", id: str) -> None:
        """
        Args:
            value: that it begins with.
            fits: whether a file is meant, by its name.
            placeholder: shown while it is empty.
            id: of the widget.
        """
        super().__init__(value, placeholder=placeholder, compact=True, id=id, suggester=PathSuggester(fits))
        self._fits = fits
        self._list: Completions | None = None

    @property
    def is_open(self) -> bool:
        """Whether the list is there."""
        return self._list is not None

    def on_input_changed(self) -> None:
        """See Textual."""
        if self.has_focus and self.value:
            self._offer()
        else:
            self._close()

    def on_blur(self) -> None:
        """See Textual."""
        self._close()

    def on_unmount(self) -> None:
        """See Textual."""
        self._close()

    def on_key(self, event: events.Key) -> None:
        """Keys are the list's while it is there; down has it shown."""
        if self._list is None:
            if event.key == "down" and self._offer():
                self._taken(event)
        elif event.key in _KEYS:
            self._move(self._list, _KEYS[event.key])
            self._taken(event)
        elif event.key == "escape":
            self._close()
            self._taken(event)
        elif event.key in ("enter", "tab") and self._list.highlighted is not None:
            self.take(self._list.highlighted)
            self._taken(event)

    def _taken(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()

    def _offer(self) -> bool:
        """Show the list; whether there is anything to show."""
        names = completions(self.value, self._fits, MOST)
        if not names or names == [self.value]:
            self._close()
            return False
        options = [Option(Text(name.rpartition("/")[2] or name.split("/")[-2] + "/"), name) for name in names]
        found = self._list or Completions(self)
        found.clear_options()
        found.add_options(options)
        found.highlighted = None
        region = self.region
        widest = max(len(str(option.prompt)) for option in options) + 4
        found.styles.offset = (region.x, region.bottom)
        found.styles.width = max(_WIDTH, min(widest, self.screen.size.width - region.x - 1))
        found.styles.height = len(options)
        if self._list is None:
            self._list = found
            self.screen.mount(found)
        return True

    def _move(self, found: Completions, step: int) -> None:
        at = found.highlighted
        count = found.option_count
        found.highlighted = (0 if step > 0 else count - 1) if at is None else (at + step) % count

    def take(self, index: int) -> None:
        """Type a name of the list."""
        if self._list is None:
            return
        name = self._list.get_option_at_index(index).id or ""
        self._close()
        self.value = name
        self.cursor_position = len(name)

    def _close(self) -> None:
        found, self._list = self._list, None
        if found is not None:
            found.remove()
