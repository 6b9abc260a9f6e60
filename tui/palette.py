"""What the command palette offers: the keys of the screen, then what concerns the whole program."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp


def palette(app: "BirefnetApp", screen: Screen[object]) -> Iterator[SystemCommand]:
    """Commands in the order of the screen's keys, each once.

    Args:
        app: the interface.
        screen: that is shown.
    """
    seen: set[str] = set()
    home = type(screen).__name__.removesuffix("Screen").lower()
    for active in screen.active_bindings.values():
        binding = active.binding
        # Without an id they are of Textual's screens.
        if active.node is not screen or not binding.id or not active.enabled or binding.action in seen:
            continue
        seen.add(binding.action)
        yield SystemCommand(
            f"{home}: {binding.description}",
            f"{binding.tooltip or binding.description} (key {app.get_key_display(binding)})",
            lambda action=binding.action: app.call_later(screen.run_action, action),  # type: ignore[misc]
        )
    yield SystemCommand("new render", "Describe a render in the form", app.show_form)
    yield SystemCommand("queue", "All renders that wait, run or have ended", app.show_queue)
    yield SystemCommand("clips", "Clips of this folder, what runs, recent renders", app.show_home)
    yield SystemCommand("options", "Theme, pictures, bell, notices", lambda: app.call_later(app.action_options))
    yield SystemCommand("theme", "Choose how it looks, with a preview; kept for the next time", app.action_change_theme)
    yield SystemCommand("jump", "A letter on every field: press it", lambda: app.call_later(app.action_jump))
    yield SystemCommand("help", "All keys of this screen", lambda: app.call_later(app.action_help))
    yield SystemCommand("screenshot", "This screen as SVG, in the working folder", app.deliver_screenshot)
    yield SystemCommand(
        "quit", "Leave; what runs goes on, and is asked about first", lambda: app.call_later(app.action_quit)
    )
