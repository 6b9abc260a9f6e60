"""Text can be read in our own themes, and nothing is told by colour alone."""

import itertools

import pytest
from birefnet_video.tui.themes import DARK, LIGHT, suited
from textual.color import Color
from textual.theme import Theme

#: WCAG 2.2, success criterion 1.4.3, level AA.
_LEAST = 4.5


def contrast(first: Color, second: Color) -> float:
    """The ratio as WCAG 2.2 defines it."""

    def luminance(colour: Color) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((luminance(first), luminance(second)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_text_has_contrast(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    texts = ["foreground", "text-error", "text-warning", "text-primary", "footer-key-foreground", "footer-foreground"]
    for text, behind in itertools.product(texts, ("background", "surface", "panel")):
        ground = Color.parse(colours[behind])
        value = colours[text]
        written = ground.get_contrast_text(0.87) if value.startswith("auto") else Color.parse(value)
        seen = ground.blend(written, written.a, 1.0)
        assert contrast(seen, ground) >= _LEAST, (text, behind, colours[text], colours[behind])


def test_terminals_of_few_colours_get_their_own_theme() -> None:
    assert suited("truecolor") == DARK.name == suited("256")
    assert suited("standard") == suited("windows") == suited(None) == "ansi-dark"
