"""Keys that every screen has, and keys in a user's settings that none has."""

from collections.abc import Iterable

from textual.binding import Binding
from textual.dom import DOMNode

from birefnet_video.words import nearest


def ways_out(screen: str) -> list[Binding]:
    """Leaving the program and seeing all keys, which come first: a footer that is too narrow cuts off the last ones.

    Args:
        screen: begins the name by which a user's settings know the key.
    """
    return [
        Binding("q", "leave", "Quit", id=f"{screen}.quit"),
        Binding("question_mark,f1", "app.help", "Help", id="app.help", tooltip="All keys of this screen"),
    ]


def unknown_keys(names: Iterable[str], homes: Iterable[type[DOMNode]]) -> list[str]:
    """Complaints about names of keys.

    Args:
        names: that a user has set.
        homes: what has keys: the application, its screens and dialogs.
    """
    known = {each.id for home in homes for each in home.BINDINGS if isinstance(each, Binding) and each.id}
    complaints = []
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            complaints.append(f"tui.keys: nothing is called {name!r}{hint}")
    return complaints
