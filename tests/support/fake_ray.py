"""As much of Ray as workers use: actors are objects whose methods run on threads."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """Stands for Ray's."""


class _Method:
    def __init__(self, actor: "_Handle", name: str) -> None:
        self._actor, self._name = actor, name

    def options(self, concurrency_group: str) -> "_Method":
        self._group = concurrency_group
        return self

    def remote(self, *arguments: Any) -> "Future[Any]":
        # As JSON values, as they would travel.
        there = json.loads(json.dumps(arguments).replace(*self._actor.moved))
        return self._actor.begin(self._group, self._name, tuple(there))


class _Handle:
    """An actor."""

    def __init__(self, made: Any, groups: dict[str, int], room: threading.Event, moved: tuple[str, str]) -> None:
        self._made, self._room, self.moved = made, room, moved
        self._pools = {name: ThreadPoolExecutor(count) for name, count in groups.items()}
        self._asked: list[Future[Any]] = []
        self.is_dead = False

    def __getattr__(self, name: str) -> _Method:
        return _Method(self, name)

    def begin(self, group: str, name: str, arguments: tuple[Any, ...]) -> "Future[Any]":
        answer: Future[Any] = Future()
        self._asked.append(answer)
        if self.is_dead:
            answer.set_exception(RayError("The actor died\nunexpectedly"))
            return answer

        def work() -> None:
            self._room.wait()
            made = getattr(self._made, name)(*arguments)
            # Killed meanwhile.
            if not answer.done():
                answer.set_result(made)

        self._pools[group].submit(work)
        return answer

    def die(self) -> None:
        """As if its machine had gone."""
        self.is_dead = True
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(RayError("The actor died\nunexpectedly"))


class FakeRay:
    """Stands for the module ``ray``."""

    exceptions = SimpleNamespace(RayError=RayError)
    util = SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1")

    def __init__(self, *, gpus: int = 0, machines: int = 2) -> None:
        self.actors: list[_Handle] = []
        self.asked: list[dict[str, Any]] = []
        self.is_up = False
        self.room = threading.Event()
        """Some machine has room for actors."""
        self.room.set()
        self.moved = ("/", "/")
        """A folder here, and where it would be on machines of the cluster."""
        self._gpus, self._machines = gpus, machines
        self._lock = threading.Lock()

    def is_initialized(self) -> bool:
        return self.is_up

    def init(self, address: str, **options: Any) -> None:
        if address == "nowhere":
            raise ConnectionError("Could not find any running Ray instance.\nmore")
        self.is_up = True

    def shutdown(self) -> None:
        self.is_up = False

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 4.0, **({"GPU": float(self._gpus)} if self._gpus else {})}

    def nodes(self) -> list[dict[str, bool]]:
        return [{"Alive": True}] * self._machines + [{"Alive": False}]

    def remote(self, **options: Any) -> Callable[[type], Any]:
        self.asked.append(options)

        def of(cls: type) -> Any:
            def make(*arguments: Any) -> _Handle:
                handle = _Handle(cls(*arguments), options["concurrency_groups"], self.room, self.moved)
                with self._lock:
                    self.actors.append(handle)
                return handle

            return SimpleNamespace(remote=make)

        return of

    def wait(self, asked: "list[Future[Any]]", timeout: float) -> tuple[Any, Any]:
        # Looks at how far workers are come more often; who waits for room waits as long as it takes.
        return wait(asked, timeout if timeout > 1 else min(timeout, 0.02))

    def get(self, asked: "Future[Any]", timeout: float | None = None) -> Any:
        return asked.result(timeout)

    def kill(self, actor: _Handle, *, no_restart: bool) -> None:
        actor.die()
