"""Names for what is not finished yet, and why something cannot be written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, OutputRefused

#: Stands in the name of a file or folder that is not finished.
PARTIAL_MARK = ".partial"
#: Bytes of the longest file name that common file systems take.
_LONGEST_NAME = 255


def reserve_partial(target: Path, stem: str, suffix: str, create: Callable[[Path], None]) -> Path:
    """Create something empty of a free name beside ``target`` that says that it is not finished.

    Args:
        target: final path of the output.
        stem: begins the name.
        suffix: ends it.
        create: makes the file or folder; raises FileExistsError if the name is taken.

    Raises:
        OutputRefused: if it cannot be created.
    """
    place = target.resolve().parent
    for number in range(1, 1000):
        ending = f"{PARTIAL_MARK if number == 1 else f'{PARTIAL_MARK}-{number}'}{suffix}"
        room = _LONGEST_NAME - len(os.fsencode(ending))
        path = place / f"{os.fsdecode(os.fsencode(stem)[:room])}{ending}"
        try:
            create(path)
        except FileExistsError:
            continue
        except OSError as error:
            raise refused(target, error) from None
        return path
    raise OutputRefused(f"{target}: a thousand partial files lie beside it", hint="remove them")


def give_name(partial: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished file its final name.

    Args:
        partial: its present name.
        target: its final one.
        overwrite: replace a file of that name.

    Raises:
        OutputRefused: if that fails, or if a file of that name has appeared meanwhile.
    """
    # A link's target is replaced, not the link.
    place = target.resolve()
    try:
        if overwrite:
            partial.replace(place)
            return
        try:
            os.link(partial, place)
        except FileExistsError:
            raise
        except OSError:
            # This file system has no hard links: look, then rename.
            if place.exists():
                raise FileExistsError from None
            partial.rename(place)
        else:
            partial.unlink()
    except FileExistsError:
        raise OutputRefused(f"{target}: has appeared meanwhile; the result is {partial}") from None
    except OSError as error:
        raise refused(target, error) from None


def key_path(target: Path) -> Path:
    """Where it is said whose colour is which in an output."""
    stem = target.stem.partition("%")[0].rstrip("_-. ") or "pictures"
    return target.with_name(f"{stem}.subjects.json")


def write_key(target: Path, text: str) -> None:
    """Write beside an output whose colour is which, whole or not at all.

    Raises:
        OutputRefused: if that fails.
    """
    place = key_path(target.resolve())
    partial = place.with_name(f"{place.stem}{PARTIAL_MARK}{place.suffix}")
    try:
        partial.write_text(text, encoding="utf-8")
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise refused(place, error) from None
    give_name(partial, place, overwrite=True)


def make_folder(path: Path) -> None:
    """Make the folder of an output, with all above it.

    Raises:
        OutputRefused: if that fails.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from None


def write_whole(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file under a name that says that it is not finished, and then give it its own.

    Raises:
        OutputRefused: if that fails, or something of that name is there and must not be replaced.
    """
    fill_whole(path, lambda partial: partial.write_bytes(data), suffix=path.suffix, overwrite=overwrite)


def fill_whole(path: Path, fill: Callable[[Path], object], *, suffix: str, overwrite: bool) -> None:
    """The same of a file that something else fills.

    Args:
        path: final name.
        fill: writes the file that it is given.
        suffix: end of its name, which ``fill`` may go by.
        overwrite: replace a file of that name.

    Raises:
        OutputRefused: if that fails, or something of that name is there and must not be replaced.
    """
    stem = path.name.removesuffix(suffix)
    partial = reserve_partial(path, stem, suffix, lambda place: place.open("xb").close())
    try:
        fill(partial)
        give_name(partial, path, overwrite=overwrite)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise refused(path, error) from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def fill_folder(path: Path, fill: Callable[[Path], object], *, overwrite: bool) -> None:
    """The same of a folder. What lies in one that is there already stays, but for files of the same names.

    Args:
        path: final name.
        fill: writes files into the folder that it is given.
        overwrite: replace files of the same names.

    Raises:
        OutputRefused: if that fails, or something of that name is there and must not be replaced.
    """
    partial = reserve_partial(path, path.name, "", lambda place: place.mkdir())
    try:
        fill(partial)
        if path.exists():
            for each in sorted(partial.iterdir()):
                give_name(each, path / each.name, overwrite=overwrite)
            partial.rmdir()
        else:
            partial.rename(path.resolve())
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise refused(path, error) from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def not_opened(target: Path, codec: str, error: Exception) -> BirefnetVideoError:
    """``error`` as a reason why ``target`` cannot be begun."""
    if not codec.endswith("_nvenc"):
        return refused(target, error)
    reason = getattr(error, "strerror", None) or error
    return BackendUnavailable(
        f"--codec {codec}: NVIDIA's encoder cannot be opened: {reason}", hint=f"use {codec.removesuffix('_nvenc')}"
    )


def refused(target: Path, error: Exception) -> OutputRefused:
    """``error`` as a reason why ``target`` cannot be written."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = f"there is no folder {target.parent}"
    return OutputRefused(f"{target}: cannot be written: {reason}")
