"""The table of known networks, and the rows that a user has added to it."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from birefnet_video.errors import BirefnetVideoError, CheckpointError
from birefnet_video.folders import data_folder
from birefnet_video.options.serial import structured
from birefnet_video.zoo.known_model import BUNDLED, KnownModel, Source
from birefnet_video.zoo.rows import ROW_FILE, is_model_name, read_row

__all__ = [
    "BUNDLED",
    "KnownModel",
    "Source",
    "broken_rows",
    "known_files",
    "known_models",
    "known_trackers",
    "own_folder",
    "own_names",
]


def known_models() -> dict[str, KnownModel]:
    """All networks by name: those of the table in the order of advice, then the user's own that are valid."""
    return {**_table(), **_own()[0]}


def known_trackers() -> dict[str, KnownModel]:
    """All rows of the table that are no networks, but follow subjects beside one."""
    return {name: row for name, row in _whole_table().items() if row.kind == "tracker"}


def known_files() -> dict[str, KnownModel]:
    """All that can be fetched, listed and removed: networks and trackers, then the user's own."""
    return {**_whole_table(), **_own()[0]}


def broken_rows() -> dict[str, CheckpointError]:
    """Names of the user's own rows that are not valid, and why."""
    return _own()[1]


def own_names() -> tuple[str, ...]:
    """Names that the user has given to models, whether they can be used or not."""
    return tuple(path.parent.name for path in _row_files() if path.parent.name not in _whole_table())


def own_folder() -> Path:
    """Where added models lie, a folder each: ``model.toml`` and the weights.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    return data_folder() / "models"


def _own() -> tuple[dict[str, KnownModel], dict[str, CheckpointError]]:
    """One that is not valid takes nothing away from the others, nor from the table."""
    rows, broken = {}, {}
    for path in _row_files():
        name = path.parent.name
        if not is_model_name(name):
            continue
        try:
            if name in _whole_table():
                raise CheckpointError(f"{path}: {name} is the name of a model that is known", hint="rename its folder")
            rows[name] = read_row(path)
        except CheckpointError as error:
            broken[name] = error
    return rows, broken


def _row_files() -> list[Path]:
    try:
        return sorted(own_folder().glob(f"*/{ROW_FILE}"))
    except (BirefnetVideoError, OSError):
        return []


def _table() -> dict[str, KnownModel]:
    return {name: row for name, row in _whole_table().items() if row.kind == "network"}


@cache
def _whole_table() -> dict[str, KnownModel]:
    import tomllib

    rows = tomllib.loads(files("birefnet_video.zoo").joinpath("table.toml").read_text(encoding="utf-8"))
    return {name: structured({"name": name, **row}, KnownModel) for name, row in rows.items()}
