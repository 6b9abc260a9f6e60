"""Two themes of our own, and which one suits a terminal."""

from textual.theme import Theme

#: Text on background keeps a contrast of 4.5 to 1 and more (WCAG 2.2, level AA); tests/tui/test_themes.py computes it.
DARK = Theme(
    name="birefnet-dark",
    primary="#5aa9e6",
    secondary="#7fc8a9",
    accent="#f2b35d",
    foreground="#e4e6eb",
    background="#14171c",
    surface="#1a1e25",
    panel="#232933",
    success="#7ed08f",
    warning="#f2b35d",
    error="#ff8a80",
    dark=True,
)
LIGHT = Theme(
    name="birefnet-light",
    primary="#0b5c9e",
    secondary="#1f6b4c",
    accent="#8a4b00",
    foreground="#1b1f24",
    background="#fafaf8",
    surface="#f1f1ee",
    panel="#e4e4df",
    success="#1d6b2f",
    warning="#8a4b00",
    error="#a8201a",
    dark=False,
)
#: In the order in which a key goes through them; the last two use the terminal's own 16 colours.
NAMES = (DARK.name, LIGHT.name, "ansi-dark", "ansi-light")


def suited(colour_system: str | None) -> str:
    """The theme for a terminal of so many colours, in Rich's terms."""
    return DARK.name if colour_system in ("truecolor", "256") else "ansi-dark"
