"""The networks known by name: what each is for, its size, its licence and where its weights come from."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from birefnet_video.errors import CheckpointError
from birefnet_video.words import nearest

if TYPE_CHECKING:
    from birefnet_video.model import BiRefNet

BUNDLED = "tiny"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One row of :data:`MODELS`."""

    name: str
    repository: str | None
    """On the Hugging Face hub; ``None``: shipped in the package."""
    filename: str
    size: tuple[int, int] | None
    """Height and width that it was trained at; ``None``: any, the picture's own shape is kept."""
    megabytes: int
    licence: str
    use: str
    patch_order: Literal["current", "auto"] = "auto"


def _official(name: str, repository: str, side: int | tuple[int, int], megabytes: int, use: str) -> KnownModel:
    size = (side, side) if isinstance(side, int) else side
    return KnownModel(name, f"ZhengPeng7/{repository}", "model.safetensors", size, megabytes, "MIT", use)


_ROWS = (
    KnownModel(BUNDLED, None, "tiny.safetensors", None, 11, "see MODEL_CARD.md", "bundled; quick previews", "current"),
    _official("lite", "BiRefNet_lite", 1024, 178, "good and fast"),
    _official("lite-2k", "BiRefNet_lite-2K", (1440, 2560), 178, "fast at 2560x1440"),
    _official("general", "BiRefNet", 1024, 444, "best all-round"),
    _official("matting", "BiRefNet-matting", 1024, 885, "hair and other soft edges"),
    _official("portrait", "BiRefNet-portrait", 1024, 885, "people"),
    _official("hr", "BiRefNet_HR", 2048, 444, "finest edges, large pictures"),
    _official("hr-matting", "BiRefNet_HR-matting", 2048, 444, "finest soft edges"),
    _official("dynamic", "BiRefNet_dynamic", 1024, 444, "any size from 256 to 2304"),
    _official("512", "BiRefNet_512x512", 512, 444, "fast, large backbone"),
)
MODELS: dict[str, KnownModel] = {row.name: row for row in _ROWS}

#: Pixels of the bundled network's input, spread over the shape of the picture.
_BUNDLED_PIXELS = 384 * 384
_STRIDE = 32


def weights_path(model: str) -> Path:
    """Where the weights of a model lie on this machine. Nothing is downloaded here.

    Args:
        model: a name of :data:`MODELS`, or the path of a ``.safetensors`` or ``.pth`` file.

    Raises:
        CheckpointError: if it is neither, or its weights are not on this machine; says how to get them.
    """
    known = MODELS.get(model)
    if known is None:
        path = Path(model).expanduser()
        if path.suffix in (".safetensors", ".pth") or path.exists():
            if not path.is_file():
                raise CheckpointError(f"{path}: no such file")
            return path
        near = nearest(model, MODELS)
        meant = f"did you mean {near}? " if near else ""
        raise CheckpointError(f"no model is called {model!r}", hint=f"{meant}there are: {', '.join(MODELS)}, or a path")
    if known.repository is None:
        return Path(str(files("birefnet_video.model.weights").joinpath(known.filename)))
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(known.repository, known.filename)
    if isinstance(cached, str):
        return Path(cached)
    raise CheckpointError(
        f"the weights of {model!r} ({known.megabytes} MB) are not on this machine",
        hint=f"get them with: hf download {known.repository} {known.filename}",
    )


def load_network(model: str) -> "BiRefNet":
    """The network of a model, in evaluation mode, its patches in the order that the code has.

    Args:
        model: as of :func:`weights_path`.

    Raises:
        CheckpointError: if its weights are missing or not valid.
    """
    from birefnet_video.model.checkpoint import load_checkpoint

    known = MODELS.get(model)
    return load_checkpoint(weights_path(model), patch_order=known.patch_order if known else "auto")


def input_size(model: str, width: int, height: int) -> tuple[int, int]:
    """Height and width of the network's input for pictures of ``width`` x ``height``, unless a user says otherwise."""
    known = MODELS.get(model)
    pixels = _BUNDLED_PIXELS
    if known is None:
        from birefnet_video.model.checkpoint import trained_sizes

        sizes = trained_sizes(Path(model).expanduser())
        if len(sizes) < 2:
            return sizes[0] if sizes else (1024, 1024)
        # Trained at several shapes: the picture's own, of as many pixels.
        pixels = sizes[0][0] * sizes[0][1]
    elif known.size is not None:
        return known.size
    scale = (pixels / (width * height)) ** 0.5
    sides = (max(_STRIDE * 2, round(side * scale / _STRIDE) * _STRIDE) for side in (height, width))
    return tuple(min(side, 1024) for side in sides)  # type: ignore[return-value]
