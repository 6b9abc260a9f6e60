"""Whether a screen is to be kept up to date."""

from typing import Any

from textual.screen import ModalScreen, Screen


def is_seen(screen: Screen[Any]) -> bool:
    """Whether a screen is the one that is shown, or lies below a dialog.

    Textual's ``is_current`` and ``is_active`` also hold for the screen below one that covers it.
    """
    stack = screen.app.screen_stack
    while len(stack) > 1 and isinstance(stack[-1], ModalScreen):
        stack = stack[:-1]
    return bool(stack) and stack[-1] is screen
