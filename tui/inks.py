"""Colours that say something beside a word or a sign, from whatever theme is on."""

from dataclasses import dataclass
from functools import lru_cache

from birefnet_video.tui.themes import DARK
from textual.app import App
from textual.color import Color
from textual.theme import Theme

#: Shades from little to much load.
_SHADES = 10


@dataclass(frozen=True, slots=True)
class Inks:
    """Names of colours, as Rich reads them."""

    good: str
    warn: str
    bad: str
    accent: str
    line: str
    """Of graphs that are neither good nor bad."""
    quiet: str
    """Of what stands behind: empty parts of bars, axes."""
    steps: tuple[str, ...]

    def load(self, share: float) -> str:
        """From ``good`` to ``bad``.

        Args:
            share: in [0, 1]; outside of it the nearest.
        """
        return self.steps[round(min(max(share, 0.0), 1.0) * (len(self.steps) - 1))]


_SIXTEEN = Inks("green", "yellow", "red", "yellow", "cyan", "bright_black", ("green", "yellow", "red"))
#: No colours at all.
PLAIN = Inks("", "", "", "", "", "", ("",))


def inks_of(app: App[int]) -> Inks:
    """Those of the theme that is on."""
    return _inks(app.current_theme)


def _inks(theme: Theme) -> Inks:
    return _SIXTEEN if theme.name.startswith("ansi") or theme.ansi else _mixed(*_parts(theme))


def _parts(theme: Theme) -> tuple[str, ...]:
    names = ("success", "warning", "error", "accent", "primary", "foreground", "background")
    return tuple(str(getattr(theme, name) or getattr(DARK, name)) for name in names)


@lru_cache(maxsize=32)
def _mixed(good: str, warn: str, bad: str, accent: str, line: str, foreground: str, background: str) -> Inks:
    low, middle, high = Color.parse(good), Color.parse(warn), Color.parse(bad)
    half = _SHADES // 2
    steps = [low.blend(middle, step / half) for step in range(half)]
    steps += [middle.blend(high, step / half) for step in range(half + 1)]
    quiet = Color.parse(background).blend(Color.parse(foreground), 0.45)
    return Inks(good, warn, bad, accent, line, quiet.hex, tuple(step.hex for step in steps))
