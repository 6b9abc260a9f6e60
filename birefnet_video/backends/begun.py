"""Batches that are on their way when who computes them is about to be closed."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from birefnet_video.backends.base import MattingBackend
from birefnet_video.errors import BirefnetVideoError

T = TypeVar("T")


class Begun:
    """The batches of a backend that have been begun and not collected."""

    def __init__(self) -> None:
        self._open: list[_Batch] = []

    def add(self, pending: Callable[[], T]) -> Callable[[], T]:
        """Hold a batch until it is collected; what is returned collects it."""
        batch = _Batch(pending)
        self._open.append(batch)

        def collect() -> T:
            self._open.remove(batch)
            made: T = batch.pending()
            return made

        return collect

    def settle(self) -> None:
        """Wait for all of them, and keep what came of them."""
        for batch in self._open:
            batch.settle()

    def close(self, backend: MattingBackend) -> None:
        """Close the backend that computes them, when they are done."""
        self.settle()
        backend.close()


class _Batch:
    def __init__(self, pending: Callable[[], Any]) -> None:
        self.pending = pending

    def settle(self) -> None:
        try:
            mattes = self.pending()
        except BirefnetVideoError as error:
            self.pending = raising(error.with_traceback(None))
        else:
            self.pending = lambda: mattes


def raising(error: BirefnetVideoError) -> Callable[[], NoReturn]:
    """A batch of which nothing came but an error."""

    def fail() -> NoReturn:
        raise error

    return fail
