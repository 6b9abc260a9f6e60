"""One file from an address into a file, going on where an earlier attempt was cut off."""

import errno
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from birefnet_video.errors import BirefnetVideoError, CheckpointError, OutputRefused, first_line

#: Takes bytes that are here, and all of them if known.
Progress = Callable[[int, int | None], None]
#: Room that is left to others on the disk.
_SPARE_BYTES = 64 << 20
#: Bytes that are written at once.
_BLOCK = 1 << 16
#: Attempts in a row that bring nothing, and seconds between them.
_TRIES, _PAUSE_S = 3, 0.5
#: Seconds without a byte after which a connection counts as gone.
_SILENT_S = 30.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Unreachable(CheckpointError):
    """Nobody answered, or the answer ended early."""


class Offline(CheckpointError):
    """Nobody may be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file at an address."""

    what: str
    """For messages: the model's name."""
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    size: int | None = None

    @property
    def host(self) -> str:
        """Who is asked."""
        return urlsplit(self.url).netloc or self.url


def download(remote: Remote, partial: Path, progress: Progress) -> bool:
    """Fetch a file, or what is missing of it.

    Args:
        remote: what to fetch.
        partial: file to write; what it holds is kept if the end does not come, for the next time.
        progress: called after every piece.

    Returns:
        whether it went on with what was there.

    Raises:
        CheckpointError: if it cannot be had; what was fetched is kept.
        OutputRefused: if it cannot be written.
    """
    begun = partial.stat().st_size if partial.exists() else 0
    if remote.size is None or begun > remote.size:
        # Of what size the rest is nobody says: it could not be told from another file's.
        partial.unlink(missing_ok=True)
        begun = 0
    _require_room(remote, partial.parent, begun)
    with explained(remote, "what was fetched is kept: the same command goes on with it"), _opened(partial) as file:
        file.seek(begun)
        return _fetch(remote, file, progress) and begun > 0


def _fetch(remote: Remote, file: IO[bytes], progress: Progress) -> bool:
    """Append to a file until it is whole, however often the connection ends, as long as something comes each time.

    Returns:
        whether what was in the file before is still in it.
    """
    http = _http()
    kept, tries = True, 0
    progress(file.tell(), remote.size)
    while remote.size is None or file.tell() < remote.size:
        before = file.tell()
        try:
            kept &= _append(remote, file, progress)
            if remote.size is None:
                return kept
            if file.tell() >= remote.size:
                continue
            reason: Exception = ConnectionError("the connection ended early")
        except (http.TransportError, http.StreamError) as error:
            reason = error
        tries = 0 if file.tell() > before else tries + 1
        if tries >= _TRIES:
            raise reason
        time.sleep(_PAUSE_S)
    return kept


def _append(remote: Remote, file: IO[bytes], progress: Progress) -> bool:
    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

    begun = file.tell()
    part = {"Range": f"bytes={begun}-"} if begun else {}
    headers = {**remote.headers, **part, "Accept-Encoding": "identity"}
    asked = http_stream_backoff("GET", remote.url, headers=headers, timeout=_SILENT_S, retry_on_exceptions=(),
                                max_retries=_TRIES, follow_redirects=True)  # fmt: skip
    with asked as response:
        status, begins = response.status_code, response.headers.get("content-range", "").startswith(f"bytes {begun}-")
        follows = not begun or (status == 206 and begins)
        is_other_part = begun > 0 and (status == 416 or (status == 206 and not begins))
        if not is_other_part:
            hf_raise_for_status(response)
        if not follows:
            file.seek(0)
            file.truncate()
        if not is_other_part:
            # Who knows nothing of parts sends all of it, which is as good.
            _write(remote, response.iter_bytes(_BLOCK), file, progress)
            return follows
    # What it has sent is not what follows here: all of it, then.
    _append(remote, file, progress)
    return False


def _write(remote: Remote, blocks: Iterable[bytes], file: IO[bytes], progress: Progress) -> None:
    for block in blocks:
        file.write(block)
        progress(file.tell(), remote.size)
        if remote.size is not None and file.tell() > remote.size:
            raise CheckpointError(
                f"{remote.what}: {remote.host} sends more than the {remote.size} bytes that it should be",
                hint="another source: --from",
            )


@contextmanager
def explained(remote: Remote, hint: str) -> Iterator[None]:
    """Turn what the hub's library raises into our errors, and keep it from talking.

    Args:
        remote: what is fetched.
        hint: what to do if nobody answers.
    """
    from huggingface_hub import logging as hub_logging
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    http = _http()
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    except BirefnetVideoError:
        raise
    except OfflineModeIsEnabled:
        raise Offline(
            f"{remote.what}: not fetched: HF_HUB_OFFLINE is set", hint="unset it, or fetch it on another machine"
        ) from None
    except HfHubHTTPError as error:
        raise _refused(remote, error.response.status_code if error.response is not None else 0) from None
    except http.HTTPError as error:
        raise _cut_off(remote, error, hint) from None
    except (http.InvalidURL, ValueError, ImportError) as error:
        # An address, of a server, of a proxy or in its answer, that is none, or that needs a library that is not here.
        raise CheckpointError(f"{remote.what}: {remote.url}: {first_line(error)}", hint=hint) from None
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise _cut_off(remote, error, hint) from None
        raise refused_by_disk(remote.what, error) from None
    finally:
        hub_logging.set_verbosity(verbosity)


def refused_by_disk(what: str, error: OSError) -> OutputRefused:
    """What to say of a file that cannot be written.

    Args:
        what: the model's name.
        error: of the system.
    """
    if error.errno in _FULL:
        return OutputRefused(f"{what}: no room left on the disk", hint="make some; what was fetched is kept")
    where = f"{error.filename}: " if error.filename else ""
    return OutputRefused(f"{what}: {where}{error.strerror or first_line(error)}", hint="HF_HOME names another place")


def _refused(remote: Remote, status: int) -> CheckpointError:
    if status in (401, 403):
        return CheckpointError(
            f"{remote.what}: {remote.host} refuses it ({status})",
            hint="a licence must be accepted there first, or a token is needed: hf auth login; "
            "tokens go to huggingface.co alone",
        )
    if status == 404:
        return CheckpointError(f"{remote.what}: {remote.host} has no such file (404)", hint=f"asked for {remote.url}")
    return CheckpointError(f"{remote.what}: {remote.host} answers with status {status}", hint="try again later")


def _cut_off(remote: Remote, error: Exception, hint: str) -> Unreachable:
    return Unreachable(f"{remote.what}: {remote.host}: {first_line(error)}", hint=hint)


def _require_room(remote: Remote, folder: Path, begun: int) -> None:
    if remote.size is None:
        return
    free, needed = shutil.disk_usage(folder).free, remote.size - begun
    if free < needed + _SPARE_BYTES:
        raise OutputRefused(
            f"{remote.what}: {needed / 1e6:.0f} MB do not fit into {folder}, where {free / 1e6:.0f} MB are free",
            hint="make room, or name another place: HF_HOME",
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    path.touch()
    with path.open("r+b") as file:
        yield file


def _http() -> Any:
    """The library that the hub's stands on, which differs among its versions."""
    from huggingface_hub import get_session

    return sys.modules[type(get_session()).__module__.partition(".")[0]]
