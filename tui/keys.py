"""Keys that every screen has, in the order in which a footer shows them: what is cut off on the right is the least."""

from textual.binding import Binding


def ways_out(screen: str) -> list[Binding]:
    """Leaving the program and seeing all keys, which come first.

    Args:
        screen: begins the name by which a user's settings know the key.
    """
    return [
        Binding("q", "leave", "Quit", id=f"{screen}.quit"),
        Binding("question_mark,f1", "app.help", "Help", id="app.help", tooltip="All keys of this screen"),
    ]
