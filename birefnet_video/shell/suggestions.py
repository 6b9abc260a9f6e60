"""Words that are worth offering where others are possible, too."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

from birefnet_video.options.group import Suggested


def suggested(kind: Suggested) -> tuple[str, ...]:
    """The words of a kind."""
    return tuple(_KINDS[kind.what]())


def model_names() -> Iterable[str]:
    """Of the networks that are known by name."""
    from birefnet_video.zoo.known import known_models

    return known_models()


def codec_names() -> Iterable[str]:
    """Of what ``--codec`` takes, whatever the container."""
    from birefnet_video.options.outputs import CODECS

    return CODECS


def _backgrounds() -> Iterable[str]:
    from birefnet_video.options.backgrounds import COLOURS

    return (*COLOURS, "blur")


def _devices() -> Iterable[str]:
    return ("auto", "cpu", "cuda", "mps")


def _engines() -> Iterable[str]:
    from birefnet_video.options.network import EngineName

    return get_args(EngineName)


def _precisions() -> Iterable[str]:
    from birefnet_video.options.network import Precision

    return get_args(Precision)


def _recipes() -> Iterable[str]:
    from importlib.util import find_spec

    # Found and not imported: that would load torch.
    home = find_spec("birefnet_video.model")
    folders = home.submodule_search_locations if home is not None else None
    return sorted(path.stem for folder in folders or () for path in Path(folder).glob("training/recipes/*.toml"))


_KINDS: dict[str, Callable[[], Iterable[str]]] = {
    "models": model_names,
    "codecs": codec_names,
    "backgrounds": _backgrounds,
    "devices": _devices,
    "engines": _engines,
    "precisions": _precisions,
    "recipes": _recipes,
    "files": tuple,
}
