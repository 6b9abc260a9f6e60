"""Ways to write a result: what a form calls them, and the names of their files."""

from dataclasses import dataclass
from pathlib import Path

from birefnet_video.errors import UsageError

#: In the place of a path: beside the input, under the usual name.
BESIDE = "+"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to write the result."""

    label: str
    option: str
    """Of :class:`OutputsSpec`."""
    ending: str
    """Replaces the input's extension."""
    suffixes: tuple[str, ...]
    """Others that the option takes."""

    def beside(self, source: Path) -> Path:
        """The usual name, beside the input."""
        stem = source.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        return source.parent / (stem + self.ending)


_FILMS = (".mp4", ".mov", ".mkv", ".webm")
KINDS = {
    "alpha": Kind("alpha, ProRes 4444", "alpha", ".alpha.mov", (".mov", ".mkv", ".apng")),
    "webm": Kind("alpha, VP9 for browsers", "alpha", ".alpha.webm", (".webm",)),
    "pictures": Kind("alpha, PNG pictures", "alpha", "_%05d.png", (".png", ".exr")),
    "green": Kind("over green", "green", ".green.mp4", _FILMS),
    "composite": Kind("over a background", "composite", ".composite.mp4", _FILMS),
    "foreground": Kind("the subject's colour", "foreground", ".foreground.mp4", _FILMS),
    "mask": Kind("the matte alone", "mask", ".mask.mp4", (".mp4", ".mov", ".mkv", ".png")),
    "id-mask": Kind("who is where", "id_mask", ".ids.mkv", (".mkv", ".png", ".exr")),
}
#: Results beside the first, by the option that names them.
ALSO = {kind.option: kind for name, kind in KINDS.items() if name not in ("webm", "pictures")}


def suffixes_of(option: str) -> tuple[str, ...]:
    """All extensions that an option's files may have."""
    return tuple(suffix for kind in KINDS.values() if kind.option == option for suffix in kind.suffixes)


def expanded(text: str) -> Path:
    """A path as it was typed.

    Raises:
        UsageError: if it is none.
    """
    try:
        path = Path(text).expanduser()
        # A name that no file system takes is noticed here.
        path.exists()
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"no path: {error}") from None
    return path
