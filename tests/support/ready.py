"""The program as a process of its own that has imported everything already: forked from one that has.

Short runs are imports for the most part. Tests of what happens before (imports, what an interpreter takes from its
environment), of signals and of how an interpreter ends start the program as users do.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

#: What runs import, but for timm, which takes folders for downloads from the environment that it is imported in.
_MODULES = (
    "av",
    "cv2",
    "torch",
    "torchvision.models.feature_extraction",
    "birefnet_video.cli",
    "birefnet_video.pipeline.assemble",
    "birefnet_video.pipeline.pictures",
)
_LARGEST = 1 << 20


def run(
    *arguments: str, folder: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 300
) -> "subprocess.CompletedProcess[str]":
    """Call the program with nothing on its standard input.

    Args:
        folder: that it is started in; none: the present one.
        env: its environment; none: the present one.
        timeout: in seconds; beyond it, it is killed.

    Raises:
        subprocess.TimeoutExpired: if it took longer.
    """
    with Path(os.devnull).open() as nothing:
        pipes = [os.pipe() for _ in range(2)]
        asked = {"arguments": arguments, "folder": str(folder or Path.cwd()), "env": dict(env or os.environ)}
        begun = _server().begin(asked, [nothing.fileno(), *(end for _, end in pipes)])
    for _, end in pipes:
        os.close(end)
    said = ["", ""]
    readers = [threading.Thread(target=_read, args=(begin, index, said)) for index, (begin, _) in enumerate(pipes)]
    for reader in readers:
        reader.start()
    late = threading.Timer(timeout, os.kill, (begun, signal.SIGKILL))
    late.start()
    code = _server().code()
    is_late = not late.is_alive()
    late.cancel()
    for thread in (*readers, late):
        thread.join()
    if is_late:
        raise subprocess.TimeoutExpired(list(arguments), timeout, *said)
    return subprocess.CompletedProcess(list(arguments), code, *said)


def _read(pipe: int, index: int, said: list[str]) -> None:
    with os.fdopen(pipe, encoding="utf-8") as stream:
        said[index] = stream.read()


class _Server:
    """The process that is forked, which ends with this one."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            command = [sys.executable, "-P", "-W", "error::ResourceWarning", __file__, str(other.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self.close)

    def begin(self, asked: Mapping[str, object], streams: list[int]) -> int:
        """Have a process begin; its number."""
        socket.send_fds(self._socket, [json.dumps(asked).encode()], streams)
        return int(self._socket.recv(_LARGEST))

    def code(self) -> int:
        """Its exit code, when it has ended; of one that a signal has ended, that below 0."""
        return int(self._socket.recv(_LARGEST))

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


def serve(descriptor: int) -> None:
    """Fork a process for each who asks, until nobody can ask any more."""
    before = dict(os.environ)
    for name in _MODULES:
        __import__(name)
    # What modules have set when they were imported.
    own = {name: value for name, value in os.environ.items() if name not in before}
    # What no collection looks at stays shared between all who are forked.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as asking:
        while True:
            message, streams, _, _ = socket.recv_fds(asking, _LARGEST, 3)
            if not message:
                return
            child = os.fork()
            if child == 0:
                asking.close()
                _carry_out(json.loads(message), own, streams)
            for stream in streams:
                os.close(stream)
            asking.send(str(child).encode())
            _, status = os.waitpid(child, 0)
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _carry_out(asked: Mapping[str, Any], own: Mapping[str, str], streams: Sequence[int]) -> NoReturn:
    """Be the program."""
    from birefnet_video.cli import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What the interpreter made of those of the server says no more what they are.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update({**own, **asked["env"]})
    words = asked["arguments"]
    sys.argv[1:] = words
    code = _code_of(lambda: main(words))
    # As an interpreter ends, but that what is left is not taken apart.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for output in (sys.stdout, sys.stderr):
        output.flush()
    os._exit(code)


def _code_of(call: Callable[[], None]) -> int:
    try:
        call()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001
        # The border of a process.
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1
    return 0


if __name__ == "__main__":
    serve(int(sys.argv[1]))
