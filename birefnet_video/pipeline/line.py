"""Everything that one run holds open, and how it is closed."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from birefnet_video.backends.base import BackendInfo
from birefnet_video.errors import first_line
from birefnet_video.events import WorkerSnapshot
from birefnet_video.outputs.sink import Sink
from birefnet_video.outputs.unfinished import write_key
from birefnet_video.pipeline.continuing import FrameSource, Reading
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.preview import Tap
from birefnet_video.pipeline.runner import Runner
from birefnet_video.pipeline.stages import Composed, MatteGauge
from birefnet_video.types import Matte, MediaInfo

_log = logging.getLogger(__name__)


class Network(Protocol):
    """What is asked of whatever runs the network."""

    @property
    def info(self) -> BackendInfo:
        """What runs."""
        ...

    def close(self) -> None:
        """Free the device. May be called twice."""
        ...


@dataclass(kw_only=True)
class Run:
    """Everything that one run holds open, whoever computes it."""

    info: MediaInfo
    matting: Network
    reader: Reading
    writers: list[Sink]
    lanes: list[tuple[str | None, ...]]
    """Of each writer, whose mattes it gets."""
    gauges: dict[str | None, MatteGauge]
    """Of each whose mattes there are, by name; ``None``: everybody's together."""
    flicker: Callable[[], tuple[float, float] | None]
    """Before and after smoothing, so far."""
    tap: Tap
    runner: Runner
    on_committed: Callable[[], None] = lambda: None
    """Called when all outputs have their final names."""
    kept: Callable[[], int | None] = lambda: None
    """Frames that a later run need not make again; ``None``: nothing is kept."""
    workers: Callable[[], tuple[WorkerSnapshot, ...]] = lambda: ()
    """Who computes, if that is not this process."""
    resumed: int = 0
    """Frames that an earlier run has done."""
    skipped: int = 0
    """Of those, the ones that the network need not see again."""

    @property
    def gpu_share(self) -> float | None:
        """Share of the time since the first batch in which a GPU computed the network; ``None``: nobody knows."""
        return None

    def verify_and_commit(self, *, overwrite: bool) -> None:
        """Check every finished file and give it its final name.

        Args:
            overwrite: replace files of those names.

        Raises:
            VerificationFailed: if one is not what it should be; none gets its final name then.
            OutputRefused: if a name cannot be given; files that have theirs already are complete.
        """
        for writer, (lane, *_) in zip(self.writers, self.lanes, strict=True):
            writer.verify(self.gauges[lane].promise(writer, self.info.time_base, self.reader))
        for writer in self.writers:
            writer.commit(overwrite=overwrite)
            if writer.encoding.key:
                write_key(writer.target, writer.encoding.key)
        self.on_committed()

    def damage(self) -> list[str]:
        """What of the input could not be read."""
        sound = {finding: None for writer in self.writers for finding in writer.sound_damage}
        return [*self.reader.damage, *sound]

    def close(self, *, keep: bool | None, tell: Callable[[str], None]) -> list[Path]:
        """Close the files that are not finished, and the network.

        Args:
            keep: leave playable parts under names that say so, or remove them; ``None``: all have their final names.
            tell: takes what goes wrong.

        Returns:
            what lies there now.
        """
        kept: list[Path | None] = []
        for writer in self.writers if keep is not None else ():
            try:
                if keep:
                    kept.append(writer.keep_partial())
                else:
                    writer.discard()
            except Exception as error:  # noqa: BLE001 - the thread border: the other files must be closed too
                what = "may not play" if keep else "could not be removed"
                tell(f"{writer.partial}: the part written so far {what}: {first_line(error)}")
                kept.append(writer.partial)
        try:
            self.matting.close()
        except Exception:  # noqa: BLE001 - the thread border: the files are what matters
            _log.exception("the backend failed to close")
        return [path for path in kept if path is not None]


@dataclass(kw_only=True)
class Line(Run):
    """A run whose stages make frames in this process."""

    matting: Matting
    reader: FrameSource
    composing: Callable[[Iterable[list[Matte]]], Iterator[Composed]]
    """The compose stage."""
    smoothing: Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None
    """The stage before it, or ``None`` if mattes stay as they are."""
    gpu_busy_s: Callable[[], float] | None = None
    """Seconds that a GPU has computed the network; ``None``: no GPU that can tell does."""

    @property
    def gpu_share(self) -> float | None:
        """See :class:`Run`."""
        meters = {meter.name: meter for meter in self.runner.meters}
        seconds = meters["infer"].last_at - meters["prepare"].first_at
        return min(1.0, self.gpu_busy_s() / seconds) if self.gpu_busy_s is not None and seconds > 0 else None
