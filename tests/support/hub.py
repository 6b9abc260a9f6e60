"""A hub on the loopback address: it speaks as much of the Hugging Face hub's protocol as a download needs."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_BLOCK = 1 << 16


@dataclass
class Hub:
    """What it serves, what is wrong with it, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    """``owner/name/path`` -> bytes."""
    url: str = ""
    cdn: str = ""
    """Another address of this machine, where files really lie."""
    cut_at: int | None = None
    """Bytes after which connections end, each time that a file is asked for."""
    cuts_left: int = 0
    status: int | None = None
    """Answered in place of everything."""
    files_status: int | None = None
    """Answered where files lie."""
    sends: dict[str, bytes] = field(default_factory=dict)
    """Bytes in place of those that were promised, by name."""
    has_ranges: bool = True
    says_hashes: bool = True
    commit: str = COMMIT
    """Said where a branch is asked for."""
    promises: bool = True
    """Sizes are said when files are sent."""
    answers_parts_with: str = ""
    """``416``, or a ``wrong range``."""
    gate: threading.Event | None = None
    """Waited for after the first half of a file."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of all requests."""

    def ranges(self) -> list[str]:
        """The parts of files that were asked for."""
        return [headers.get("range", "") for method, path, headers in self.asked if method == "GET"]


@contextmanager
def running_hub(**files: bytes) -> Iterator[Hub]:
    """A hub that runs while the context lasts.

    Args:
        files: are put under ``test/NAME/model.safetensors``.
    """
    hub = Hub({f"test/{name}/model.safetensors": content for name, content in files.items()})
    servers = [ThreadingHTTPServer((host, 0), _handler(hub)) for host in ("127.0.0.1", "127.0.0.2")]
    hub.url, hub.cdn = (f"http://{server.server_address[0]}:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        if hub.gate is not None:
            hub.gate.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            hub.asked.append((self.command, self.path, headers))
            # Who comes through a proxy names the host, too.
            name = re.sub(r"^http://[^/]+", "", self.path).lstrip("/")
            if hub.status is not None:
                return self._end(hub.status)
            if "/resolve/" in name:
                repository, _, rest = name.partition("/resolve/")
                revision, _, file = rest.partition("/")
                return self._point(f"{repository}/{file}", revision)
            if hub.files_status is not None:
                return self._end(hub.files_status)
            content = hub.files.get(name.removeprefix("files/"))
            if content is None:
                return self._end(404)
            self._send(hub.sends.get(name.removeprefix("files/"), content), with_body=with_body)

        def _point(self, name: str, revision: str) -> None:
            """What the hub says of a file: where it lies, its size and its hash."""
            content = hub.files.get(name)
            if content is None:
                return self._end(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            said = {
                "Location": f"{hub.cdn}/files/{name}",
                "X-Repo-Commit": revision if len(revision) == 40 else hub.commit,
                "X-Linked-Size": str(len(content)),
            }
            if hub.says_hashes:
                said["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            else:
                said["ETag"] = '"not-a-hash"'
            self._end(302, said)

        def _end(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, content: bytes, *, with_body: bool) -> None:
            begin = 0
            asked = self.headers.get("Range", "")
            if hub.has_ranges and asked.startswith("bytes="):
                begin = int(asked.removeprefix("bytes=").split("-")[0])
            if begin and hub.answers_parts_with == "416":
                return self._end(416)
            self.send_response(206 if begin else 200)
            if begin:
                told = begin + 1 if hub.answers_parts_with else begin
                self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
            if hub.promises:
                self.send_header("Content-Length", str(len(content) - begin))
            else:
                self.close_connection = True
            self.end_headers()
            if not with_body:
                return
            end = len(content)
            if hub.cut_at is not None and hub.cuts_left > 0:
                hub.cuts_left -= 1
                end = min(end, hub.cut_at)
            half = len(content) // 2
            for at in range(begin, end, _BLOCK):
                if hub.gate is not None and at >= half:
                    hub.gate.wait()
                try:
                    self.wfile.write(content[at : min(at + _BLOCK, end)])
                except OSError:
                    return
            if end < len(content):
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()

    return Handler
