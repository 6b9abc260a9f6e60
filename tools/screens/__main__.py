"""Pictures of every view of the terminal interface, in all sizes and colours.

    python tools/screens FOLDER [--views monitor,queue] [--sizes 80x24,160x48] [--colours dark,light,sixteen,none]

Writes ``VIEW-SIZE-COLOURS.png``. Renders are made up and stand still; needs Pillow and the font DejaVu Sans Mono.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from fake_watch import settle  # noqa: E402 - lies in tests/support
from paint import DARK, LIGHT, picture_of  # noqa: E402
from views import VIEWS, new_app, stand_still  # noqa: E402

SIZES = ("60x18", "80x24", "120x35", "160x48", "200x50")
#: Theme of the interface, colours of the terminal, and whether it has sixteen only.
COLOURS = {
    "dark": ("birefnet-dark", DARK, False),
    "light": ("birefnet-light", LIGHT, False),
    "sixteen": ("ansi-dark", DARK, True),
    "none": ("birefnet-dark", DARK, False),
}


async def _show(view: str, size: tuple[int, int], colours: str, target: Path) -> None:
    name, terminal, sixteen = COLOURS[colours]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        app = new_app(Path(folder), name, live=view == "live")
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await VIEWS[view](app, pilot)
            await settle(pilot)
            lines = [list(strip) for strip in app.screen._compositor.render_strips()]
        os.chdir(ROOT)
    picture = picture_of(lines, size[0], theme=terminal, sixteen=sixteen)
    # Few colours are on a screen: a palette makes the file smaller.
    picture.quantize(256, dither=0).save(target, optimize=True)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", default=",".join(VIEWS))
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--colours", default=",".join(COLOURS))
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    stand_still()
    for colours in options.colours.split(","):
        os.environ.pop("NO_COLOR", None)
        if colours == "none":
            os.environ["NO_COLOR"] = "1"
        for view in options.views.split(","):
            for size in options.sizes.split(","):
                columns, lines = map(int, size.split("x"))
                target = folder / f"{view}-{size}-{colours}.png"
                asyncio.run(_show(view, (columns, lines), colours, target))
                print(target.name, flush=True)


if __name__ == "__main__":
    main()
