"""Which frames of a render a line makes, and what of it is known from elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from birefnet_video.inputs.reader import Notify
from birefnet_video.outputs.sink import Sink
from birefnet_video.pipeline.continuing import FrameSource, MakeReader
from birefnet_video.pipeline.memory import Memory
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.stages import MatteGauge
from birefnet_video.types import Cut, FrameMeta, Matte

T = TypeVar("T")


class Stretch(Protocol):
    """A run of frames that follow each other."""

    @property
    def frames(self) -> int:
        """Frames before the first one that is to be made."""
        ...

    @property
    def began_s(self) -> float | None:
        """Time of the first frame of all; ``None``: it is the first one that will be read."""
        ...

    @property
    def memory(self) -> Memory | None:
        """What is known of subjects that are followed; ``None``: no run goes on from another one's."""
        ...

    def open_sinks(self, plan: Plan, notify: Notify, opened: list[Sink]) -> None:
        """Open what the outputs of a plan go into.

        Args:
            plan: of the run.
            notify: takes what a user should know.
            opened: takes each as soon as it is open, so that those before one that is refused can be discarded.

        Raises:
            OutputRefused, BackendUnavailable: if one cannot be opened.
        """
        ...

    def begin(self, batch_size: int) -> int:
        """The first frame that the network must see; batches are those of a run without a break."""
        ...

    def reader(self, make: MakeReader, cut: Cut | None, batch_size: int) -> FrameSource:
        """Reads the frames that the network must see."""
        ...

    def restore(self, gauges: Sequence[MatteGauge], on_cut: Callable[[FrameMeta], None]) -> Callable[[FrameMeta], None]:
        """Let gauges and listeners know what is known from elsewhere.

        Returns:
            who is to be told of cuts in place of ``on_cut``.
        """
        ...

    def before(
        self, stage: Callable[[Iterable[list[Matte]]], Iterator[T]]
    ) -> Callable[[Iterable[list[Matte]]], Iterator[T]]:
        """A stage that sees only the mattes that are to be made."""
        ...

    def finish(self) -> None:
        """All outputs have their final names."""
        ...

    def kept(self) -> int | None:
        """Frames that a later run need not make again; ``None``: nothing is kept. From any thread."""
        ...
