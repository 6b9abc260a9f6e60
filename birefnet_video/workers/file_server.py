"""Gives files of this machine to workers on others, and takes what they have made: HTTP, for one render.

``GET`` and ``HEAD`` of ``/TOKEN/GROUP/NAME``, with ranges, and ``PUT`` of ``/TOKEN/part/NAME`` with the CRC-32 of what
is sent. Whatever is not named by the render, and whoever does not know the token, gets 404.
"""

import errno
import hmac
import http.server
import os
import re
import secrets
import socket
import socketserver
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

#: Name of the header with the CRC-32 of what is sent, in hexadecimal digits.
CRC_HEADER = "X-CRC32"
#: Seconds after which a connection that says nothing is closed.
_QUIET_S = 120.0
#: Seconds between two looks at whether it is to end.
_LOOK_S = 0.1
_CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class FileServer:
    """Serves on threads of its own until it is closed. All methods from any thread."""

    def __init__(self, address: str, files: Mapping[str, Path]) -> None:
        """
        Args:
            address: of this machine that it listens at; no other.
            files: that are given out, by ``GROUP/NAME``.

        Raises:
            OSError: if it cannot listen there.
        """
        token = secrets.token_urlsafe(32)
        self._server = _Server(address, token, {name: _Offered(path) for name, path in files.items()})
        host = f"[{address}]" if ":" in address else address
        self.place = f"{host}:{self._server.server_address[1]}"
        """Its address and port."""
        self.url = f"http://{self.place}/{token}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_S,), name="birefnet-video files")
        self._thread.start()

    def expect(self, parts: Mapping[str, Path]) -> None:
        """Take files from now on.

        Args:
            parts: where they are to lie, by the name that they are sent under.
        """
        with self._server.lock:
            self._server.expected.update(parts)

    def forget(self, parts: Mapping[str, Path]) -> None:
        """Take them no longer."""
        with self._server.lock:
            for name in parts:
                self._server.expected.pop(name, None)

    def close(self) -> None:
        """Answer nobody any more. May be called twice."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()


class _Offered:
    """A file as it was when it was offered: another one of its name is not given out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self._was = found.st_size, found.st_mtime_ns

    def is_same(self, file: BinaryIO) -> bool:
        """Whether an open file is still that one."""
        now = os.fstat(file.fileno())
        return (now.st_size, now.st_mtime_ns) == self._was


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, token: str, files: Mapping[str, _Offered]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.token, self.files = token, files
        self.expected: dict[str, Path] = {}
        self.lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__((address, 0), _Handler)

    def server_bind(self) -> None:
        """Without asking for the name of the address, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note who is connected."""
        with self.lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Somebody has gone."""
        with self.lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asks notices by itself that its connection has ended."""

    def hang_up(self) -> None:
        """End all connections."""
        with self.lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _QUIET_S
    disable_nagle_algorithm = True
    server: _Server

    def do_HEAD(self) -> None:
        """How long a file is."""
        self._give(with_data=False)

    def do_GET(self) -> None:
        """A file, or a part of it."""
        self._give(with_data=True)

    def do_PUT(self) -> None:
        """Take a part that is expected."""
        name = self._name()
        with self.server.lock:
            target = self.server.expected.get(name.removeprefix("part/")) if name else None
        length, crc = self.headers.get("Content-Length", ""), self.headers.get(CRC_HEADER, "")
        if target is None or not length.isdecimal() or not re.fullmatch("[0-9a-f]{8}", crc):
            self.close_connection = True
            self._refuse(HTTPStatus.NOT_FOUND if target is None else HTTPStatus.LENGTH_REQUIRED)
            return
        arriving = target.with_name(f"{target.name}.arriving")
        try:
            self._take(arriving, target, int(length), int(crc, 16))
        except OSError as error:
            self.close_connection = True
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            status = HTTPStatus.INSUFFICIENT_STORAGE if is_full else HTTPStatus.INTERNAL_SERVER_ERROR
            self._refuse(status, f"{target.name}: {error.strerror or 'cannot be written'}")
        finally:
            with suppress(OSError):
                arriving.unlink(missing_ok=True)

    def log_message(self, format: str, *args: Any) -> None:
        """A render says what is worth saying."""

    def _take(self, arriving: Path, target: Path, length: int, crc: int) -> None:
        """
        Raises:
            OSError: if it cannot be written.
        """
        found, left = 0, length
        failed: OSError | None = None
        target.parent.mkdir(exist_ok=True)
        with arriving.open("wb") as file:
            while left and (data := self.rfile.read(min(left, _CHUNK))):
                found, left = zlib.crc32(data, found), left - len(data)
                try:
                    if failed is None:
                        file.write(data)
                except OSError as error:
                    # Who sends hears of it only after the last byte.
                    failed = error
            if failed is not None:
                raise failed
            file.flush()
            os.fsync(file.fileno())
        if left:
            # Who sent it is gone.
            self.close_connection = True
            return
        if found != crc:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY)
            return
        arriving.replace(target)
        self._begin(HTTPStatus.CREATED, 0)

    def _give(self, *, with_data: bool) -> None:
        offered = self.server.files.get(self._name() or "")
        try:
            if offered is None:
                self._refuse(HTTPStatus.NOT_FOUND)
                return
            with offered.path.open("rb") as file:
                if not offered.is_same(file):
                    self._refuse(HTTPStatus.GONE, "has changed meanwhile")
                    return
                self._send(file, with_data=with_data)
        except FileNotFoundError:
            self._refuse(HTTPStatus.GONE, "is not there any more")

    def _send(self, file: BinaryIO, *, with_data: bool) -> None:
        size = os.fstat(file.fileno()).st_size
        first, last = 0, size - 1
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is not None:
            first, last = int(wanted[1]), min(int(wanted[2]), size - 1)
            if first > last:
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                return
        places = {} if wanted is None else {"Content-Range": f"bytes {first}-{last}/{size}"}
        self._begin(HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT, last - first + 1, places)
        if not with_data:
            return
        file.seek(first)
        left = last - first + 1
        while left and (data := file.read(min(left, _CHUNK))):
            self.wfile.write(data)
            left -= len(data)
        # Shorter than said: who reads must notice.
        self.close_connection = self.close_connection or bool(left)

    def _name(self) -> str | None:
        """What is asked for, if it is asked with the token."""
        token, _, name = self.path.removeprefix("/").partition("/")
        return unquote(name) if hmac.compare_digest(token.encode(), self.server.token.encode()) else None

    def _begin(self, status: HTTPStatus, length: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(length), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def _refuse(self, status: HTTPStatus, why: str | None = None) -> None:
        self.send_response(status, why)
        self.send_header("Content-Length", "0")
        self.end_headers()
