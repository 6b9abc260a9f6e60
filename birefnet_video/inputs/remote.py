"""Files that another machine gives out over HTTP: only the parts that are asked for travel."""

import http.client
import io
import os
import shutil
import stat
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from birefnet_video.errors import InputMissing

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEME = "http://"
#: Bytes that are asked for at once, and so many times as many where one follows the other.
_BLOCK, _AHEAD = 1 << 20, 4
#: Blocks that are kept: indexes are read again and again.
_KEPT = 64
#: Seconds that an answer may take, and times that one is asked for.
_PATIENCE_S, _TRIES = 30.0, 3


class RemoteFile:
    """A file of another machine: as much of :class:`pathlib.Path` as readers of inputs ask for. One thread.

    Its methods raise :class:`birefnet_video.errors.InputMissing` where the other machine does not give it.
    """

    def __init__(self, url: str) -> None:
        """
        Args:
            url: ``http://`` address; what stands behind the last slash is the name, as it is.
        """
        self._folder, _, self.name = url.rpartition("/")
        place = urlsplit(self._folder)
        self._host = place.netloc
        self._path = f"{place.path}/{quote(self.name)}"
        self._connection = http.client.HTTPConnection(place.netloc, timeout=_PATIENCE_S)
        self._size: int | None = None
        self._readers = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._last = -2

    def __str__(self) -> str:
        # Without the secret in the address.
        return f"{self.name} from {self._host}"

    def beside(self, name: str) -> "RemoteFile":
        """Another one of the same folder."""
        return RemoteFile(f"{self._folder}/{name}")

    @property
    def size(self) -> int:
        """Bytes of it."""
        if self._size is None:
            self.enter()
            try:
                self._size = int(self._ask("HEAD", {}, (200,))[1])
            finally:
                self.leave()
        return self._size

    def enter(self) -> None:
        """Somebody reads it: the connection stays open."""
        self._readers += 1

    def leave(self) -> None:
        """Somebody does not any more."""
        self._readers -= 1
        if not self._readers:
            self._connection.close()

    def stat(self) -> os.stat_result:
        """As of a regular file; of the rest only the size is right."""
        return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, self.size, 0, 0, 0))

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Read it from the beginning."""
        assert mode == "rb"  # nothing else is given out
        return io.BufferedReader(OpenRemote(self))

    def read_bytes(self) -> bytes:
        """All of it."""
        with self.open() as file:
            return file.read()

    def save(self, path: Path) -> None:
        """Write all of it into a file of this machine.

        Raises:
            OSError: if it cannot be written.
        """
        with self.open() as data, path.open("wb") as file:
            shutil.copyfileobj(data, file, _BLOCK)

    def block(self, number: int) -> bytes:
        """The bytes from so many blocks on; at the end less than a block."""
        if number not in self._blocks:
            count = _AHEAD if number == self._last + 1 else 1
            start, end = number * _BLOCK, min((number + count) * _BLOCK, self.size)
            data, _ = self._ask("GET", {"Range": f"bytes={start}-{end - 1}"}, (206,))
            for at in range(0, len(data), _BLOCK):
                self._blocks[number + at // _BLOCK] = data[at : at + _BLOCK]
            while len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        self._last = number
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _ask(self, method: str, headers: dict[str, str], wanted: tuple[int, ...]) -> tuple[bytes, str]:
        """The answer, and how long it says that it is."""
        for tried in range(1, _TRIES + 1):
            try:
                self._connection.request(method, self._path, headers=headers)
                answer = self._connection.getresponse()
                data = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                # Also what had been open for too long.
                self._connection.close()
                if tried == _TRIES:
                    why = str(error) or type(error).__name__
                    raise InputMissing(f"{self}: cannot be fetched: {' '.join(why.split())}") from None
        if answer.status not in wanted:
            raise InputMissing(f"{self}: is not given out: {answer.status} {answer.reason}")
        return data, answer.headers.get("Content-Length", "0")


class OpenRemote(io.RawIOBase):
    """A :class:`RemoteFile` that is read."""

    def __init__(self, file: RemoteFile) -> None:
        self.name = file.name
        self._file, self._at, self._has_failed = file, 0, False
        file.enter()

    def close(self) -> None:
        """See :class:`io.RawIOBase`."""
        if not self.closed:
            self._file.leave()
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See :class:`io.RawIOBase`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = max(0, (self._file.size if base is None else base) + offset)
        return self._at

    def tell(self) -> int:
        """See :class:`io.RawIOBase`."""
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See :class:`io.RawIOBase`.

        Raises:
            InputMissing: if it is not given, once: FFmpeg asks again before it passes on what has gone wrong.
        """
        view = memoryview(buffer).cast("B")
        if self._has_failed or self._at >= self._file.size or not len(view):
            return 0
        try:
            block = self._file.block(self._at // _BLOCK)
        except InputMissing:
            self._has_failed = True
            raise
        part = block[self._at % _BLOCK :][: len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)


#: Where a file lies.
Place = Path | RemoteFile


def place_of(path: str) -> Place:
    """Where a file lies: on this machine, or where an address says."""
    return RemoteFile(path) if path.startswith(SCHEME) else Path(path)
