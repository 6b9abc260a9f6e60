"""The size of the pictures that a network sees, unless a user says otherwise."""

from pathlib import Path

from birefnet_video.zoo.files import find_weights, row_of

#: Pixels of the bundled network's input, spread over the shape of the picture.
_BUNDLED_PIXELS = 384 * 384
#: The same of networks that were trained at many sizes.
_USUAL_PIXELS = 1024 * 1024
_USUAL = (1024, 1024)
_STRIDE = 32
_BUNDLED_SIDES = (64, 1024)


def input_size(model: str, width: int, height: int) -> tuple[int, int]:
    """Height and width of the network's input for pictures of ``width`` x ``height``.

    Args:
        model: a name or the path of a file.
        width: of the pictures.
        height: of the pictures.
    """
    row = row_of(model)
    if row is not None and row.size is not None:
        return row.size
    if row is not None and row.is_bundled:
        return _shaped(width, height, _BUNDLED_PIXELS, _BUNDLED_SIDES)
    if row is not None and row.smallest and row.largest:
        return _shaped(width, height, _USUAL_PIXELS, (row.smallest, row.largest))
    path = Path(model).expanduser() if row is None else find_weights(row)
    return _USUAL if path is None else _said_by_file(path, width, height)


def _said_by_file(path: Path, width: int, height: int) -> tuple[int, int]:
    from birefnet_video.model.checkpoint import trained_sizes

    sizes = trained_sizes(path)
    if len(sizes) < 2:
        return sizes[0] if sizes else _USUAL
    # Trained at several shapes: the picture's own, of as many pixels.
    return _shaped(width, height, sizes[0][0] * sizes[0][1], _BUNDLED_SIDES)


def _shaped(width: int, height: int, pixels: int, sides: tuple[int, int]) -> tuple[int, int]:
    """The shape of a picture at another number of pixels, in multiples of the stride."""
    scale = (pixels / (width * height)) ** 0.5
    least, largest = sides
    rows, columns = (max(least, round(side * scale / _STRIDE) * _STRIDE) for side in (height, width))
    return min(rows, largest), min(columns, largest)
