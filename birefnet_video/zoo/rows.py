"""Rows that a user has added, read with distrust: they are handed around, and name files and addresses."""

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from birefnet_video.errors import CheckpointError, UsageError, first_line
from birefnet_video.options.serial import structured
from birefnet_video.zoo.known_model import KnownModel, Source

#: Endings of files that hold weights.
WEIGHTS_SUFFIXES = (".safetensors", ".pth")
#: What describes an added model, in its folder.
ROW_FILE = "model.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBERS = {"bytes", "smallest", "largest"}


def is_model_name(name: str) -> bool:
    """Whether an added model can be called so: nothing in it means anything to a shell or a file system."""
    return _NAME.fullmatch(name) is not None


def read_row(path: Path) -> KnownModel:
    """The row in a file; its folder gives the name.

    Raises:
        CheckpointError: if it is not valid; names the file and the reason.
    """
    import tomllib

    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        _require_kinds(values)
        for each in (values, *values.get("mirrors", [])):
            if "sha256" in each:
                each["sha256"] = each["sha256"].lower()
        row = structured({"use": "added by you", "licence": "not said", **values, "name": path.parent.name,
                          "folder": str(path.parent)}, KnownModel)  # fmt: skip
        check_row(row)
    except (OSError, ValueError, RecursionError, UsageError) as error:
        raise CheckpointError(
            f"{path}: no valid description of a model: {first_line(error)}",
            hint=f"mend it, or birefnet-video models rm {path.parent.name}",
        ) from None
    return row


def check_row(row: KnownModel) -> None:
    """
    Raises:
        ValueError: if a field is none, or names what lies outside of where models are kept.
        UsageError: if the size is none.
    """
    _require(row.size is None or min(row.size) > 0, "trained: no size")
    _require((row.smallest is None) == (row.largest is None), "smallest and largest go together")
    for source in row.sources:
        _check_source(source)


def weights_name(url: str) -> str:
    """The name of the file that an address ends in.

    Raises:
        ValueError: if it is no address of weights.
    """
    parts = urlsplit(url)
    name = unquote(parts.path).rpartition("/")[2]
    _require(parts.scheme in ("http", "https") and bool(parts.hostname), f"url: {url!r} is no address")
    _require(_is_weights(name), f"url: {url!r} does not end in the name of a file of weights")
    return name


def _check_source(source: Source) -> None:
    if source.url is not None:
        weights_name(source.url)
    if source.repository is not None:
        plain = _REPOSITORY.fullmatch(source.repository) and ".." not in source.repository
        _require(bool(plain), f"repository: {source.repository!r} is not OWNER/NAME")
        _require(source.file is not None, "file: is missing")
    if source.file is not None:
        parts = PurePosixPath(source.file).parts
        inside = bool(parts) and parts[0] != "/" and ".." not in parts and "\\" not in source.file
        _require(inside and _is_weights(parts[-1]), f"file: {source.file!r} is no name of a file of weights")
    _require(source.revision is None or bool(_REVISION.fullmatch(source.revision)), "revision: no commit and no branch")
    _require(source.sha256 is None or bool(_DIGEST.fullmatch(source.sha256)), "sha256: not 64 hexadecimal digits")
    _require(source.bytes is None or source.bytes > 0, "bytes: no size")


def _is_weights(name: str) -> bool:
    return name.endswith(WEIGHTS_SUFFIXES) and not name.startswith(".") and name.isprintable() and "/" not in name


def _require_kinds(values: dict[str, Any]) -> None:
    """TOML has types; what is none of a field's own is no value that was meant."""
    for key, value in values.items():
        if key == "mirrors":
            _require(isinstance(value, list) and all(isinstance(each, dict) for each in value), "mirrors: no tables")
            for each in value:
                _require_kinds(each)
        elif key in _NUMBERS:
            _require(type(value) is int, f"{key}: no whole number")
        elif key == "by_path":
            _require(type(value) is bool, f"{key}: neither true nor false")
        else:
            _require(isinstance(value, str) and value.isprintable(), f"{key}: no text of one line")
            _require(key not in ("name", "folder", "is_first"), f"{key}: is said by where it stands")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
