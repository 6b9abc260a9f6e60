"""One run as an object: start it, watch it, stop it, wait for it. Command line and terminal UI are its observers."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.bottleneck import encoded_on_cpu, limiting_stage
from birefnet_video.errors import BirefnetVideoError, NotAVideo, explained
from birefnet_video.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobReport,
    JobSnapshot,
    JobStarted,
    JobState,
    SubjectNoted,
)
from birefnet_video.findings import Findings
from birefnet_video.job_report import report_of
from birefnet_video.options.job import JobSpec
from birefnet_video.pipeline.meters import ActiveClock
from birefnet_video.types import FrameMeta, MediaInfo, Preview

if TYPE_CHECKING:
    from birefnet_video.backends.base import BackendInfo
    from birefnet_video.pipeline.assemble import OpenBackend
    from birefnet_video.pipeline.line import Run
    from birefnet_video.workers.kept import KeptWorkers

_log = logging.getLogger(__name__)
Observer = Callable[[JobEvent], None]


class Job:
    """Runs one :class:`JobSpec` on threads of its own.

    Observers are called on the job's threads and must not block; numbers are polled with :meth:`snapshot`.
    """

    def __init__(
        self, spec: JobSpec, *, open_backend: "OpenBackend | None" = None, kept: "KeptWorkers | None" = None
    ) -> None:
        """
        Args:
            spec: what to do.
            open_backend: loads the network; ``None``: the registry's.
            kept: workers of earlier jobs, and of this one for later ones; ``None``: it has its own.
        """
        self.spec = spec
        self.report: JobReport | None = None
        """Set when the job has finished."""
        self._open_backend, self._kept = open_backend, kept
        self._observers: list[Observer] = []
        self._found = Findings(self._emit)
        self._state = JobState.WAITING
        self._line: Run | None = None
        self._error: BaseException | None = None
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._started_at = self._rendered_at = self._ended_at = 0.0
        self._clock = ActiveClock()
        self._keep = True
        self._thread = threading.Thread(target=self._run, name="birefnet-video job")

    def subscribe(self, observer: Observer) -> None:
        """Call ``observer`` with every event from now on."""
        self._observers.append(observer)

    def start(self) -> None:
        """Begin. Returns at once."""
        self._started_at = self._clock.now()
        self._thread.start()

    def cancel(self, *, keep: bool = True) -> None:
        """Stop within one batch. From any thread.

        Once the last frame is encoded there is nothing left to stop: the job finishes.

        Args:
            keep: leave playable parts under names that say so; otherwise they are removed.
        """
        self._keep = keep
        self._cancel.set()
        with self._lock:
            if self._line is not None:
                self._line.runner.cancel()

    def pause(self) -> None:
        """Read no further; what is on its way is finished. From any thread, without effect unless it runs."""
        with self._lock:
            if self._state is JobState.RUNNING and self._line is not None:
                self._state = JobState.PAUSED
                self._clock.stop()
                self._line.runner.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`. From any thread."""
        with self._lock:
            if self._state is JobState.PAUSED and self._line is not None:
                self._state = JobState.RUNNING
                self._clock.start()
                self._line.runner.resume()

    def preview(self, width: int, height: int, zoom: int = 1, at: tuple[float, float] | None = None) -> Preview | None:
        """The latest picture that was asked for, ``None`` before the first, and a wish for the next. From any thread.

        Args:
            width: in which the next picture must fit; it keeps its shape.
            height: the same.
            zoom, at: as of :meth:`~birefnet_video.pipeline.preview.PreviewTap.ask`.
        """
        return self._line.tap.ask(width, height, zoom, at) if self._line is not None else None

    def wait(self, timeout_s: float | None = None) -> JobState:
        """Wait for the end, or for ``timeout_s`` seconds, and return the state. A job not started does not end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return self._state

    def result(self) -> JobReport:
        """Wait for the end and return the report.

        Raises:
            BirefnetVideoError: if the job failed or was cancelled.
        """
        state = self.wait()
        if self._error is not None:
            raise self._error
        if self.report is None:
            raise BirefnetVideoError(f"the job was {state}")
        return self.report

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user was told so far."""
        return tuple(self._found.warnings)

    @property
    def info(self) -> MediaInfo | None:
        """What the input is, once it is open."""
        return self._line.info if self._line is not None else None

    @property
    def backend(self) -> "BackendInfo | None":
        """What runs the network, once it is loaded."""
        return self._line.matting.info if self._line is not None else None

    @property
    def cuts(self) -> tuple[FrameMeta, ...]:
        """First frames of new shots so far."""
        return tuple(self._found.cuts)

    @property
    def subjects(self) -> tuple[SubjectNoted, ...]:
        """What has become of subjects so far."""
        return tuple(self._found.subjects)

    @property
    def flicker(self) -> tuple[float, float] | None:
        """As of :attr:`JobReport.flicker`, so far."""
        return self._line.flicker() if self._line is not None else None

    def snapshot(self) -> JobSnapshot:
        """The job at this moment. Cheap, from any thread."""
        now = self._ended_at or self._clock.now()
        elapsed = now - self._started_at if self._started_at else 0.0
        line = self._line
        if line is None:
            return JobSnapshot(state=self._state, elapsed_s=elapsed)
        stages = line.runner.snapshots()
        done = stages[-1].items
        written = line.resumed + done
        # Encoders give frames out in bursts: the stage before them has the pace.
        pace = line.runner.meters[-2]
        fps, total = self._mean_fps(done) if self._rendered_at else pace.pace(), line.info.frame_count
        eta = max(total - written, 0) / fps if total and fps else None
        return JobSnapshot(
            state=self._state,
            decoded=line.skipped + stages[0].items,
            written=written,
            total=total,
            elapsed_s=elapsed,
            fps=fps,
            eta_s=eta,
            stages=stages,
            bytes_written=sum(writer.size for writer in line.writers),
            loading_s=self._loading_s(pace.first_at, elapsed),
            gpu_share=line.gpu_share,
            kept=line.kept(),
            workers=line.workers(),
        )

    def _mean_fps(self, frames: int) -> float:
        """Of the whole rendering; of less than two frames nobody knows."""
        return frames / self._rendered_s if frames > 1 and self._rendered_s else 0.0

    @property
    def _rendered_s(self) -> float:
        """Seconds from the first frame that was done to the last one that was encoded."""
        first_at = self._line.runner.meters[-2].first_at if self._line is not None else 0.0
        return max(self._rendered_at - first_at, 0.0) if first_at else 0.0

    def _loading_s(self, first_at: float, elapsed: float) -> float:
        """Seconds until the first frame was done, by the line's clock, which pauses as the job's does."""
        return min(max(first_at - self._started_at, 0.0), elapsed) if first_at else elapsed

    def _run(self) -> None:
        try:
            self._state = JobState.LOADING
            self._work()
        except BaseException as error:  # noqa: BLE001 - the thread border: result() raises it in the caller
            if self._line is None and self._cancel.is_set():
                # A terminal's Ctrl-C also ends the processes that build for this one.
                self._finish(JobState.CANCELLED, JobCancelled)
                return
            self._error = failure = explained(error)
            self._finish(JobState.FAILED, lambda kept: JobFailed(failure, kept))

    def _work(self) -> None:
        from birefnet_video.pipeline.finished import finished_before
        from birefnet_video.workers.opening import open_run

        if self._cancel.is_set():
            self._finish(JobState.CANCELLED, JobCancelled)
            return
        if (done := finished_before(self.spec)) is not None:
            self._found.notice(done.warnings[0])
            self.report = done
            self._finish(JobState.FINISHED, lambda kept: JobFinished(done))
            return
        line = open_run(self.spec, self._found, self._open_backend, self._kept)
        with self._lock:
            self._line = line
        self._emit(JobStarted(line.info, line.matting.info.describe()))
        if self._cancel.is_set():
            self._finish(JobState.CANCELLED, JobCancelled)
            return
        self._state = JobState.RUNNING
        line.runner.start()
        complete = line.runner.join()
        with self._lock:
            self._clock.start()
            self._rendered_at = self._clock.now()
            self._state = JobState.VERIFYING
        if not complete:
            self._finish(JobState.CANCELLED, JobCancelled)
            return
        if not line.writers[0].frames:
            raise NotAVideo(f"{self.spec.source}: has a video stream, but no frame could be decoded")
        line.verify_and_commit(overwrite=self.spec.writing.overwrite)
        self._found.judge([gauge.telling_spread for gauge in line.gauges.values()], line.damage())
        self._ended_at = self._clock.now()
        limit = limiting_stage(self.snapshot())
        if (told := encoded_on_cpu(limit, self.spec, line.matting.info, line.info)) is not None:
            self._found.notice(told)
        self.report = report = report_of(self, line, self._rendered_s)
        self._finish(JobState.FINISHED, lambda kept: JobFinished(report))

    def _finish(self, state: JobState, event: Callable[[tuple[Path, ...]], JobEvent]) -> None:
        """End in a state, whatever happens meanwhile: who waits for the end must see it."""
        kept: tuple[Path, ...] = ()
        try:
            kept = self._close(keep=state is not JobState.FINISHED)
        except BaseException:  # noqa: BLE001 - the thread border: who waits must still be told of the end
            _log.exception("the job could not be closed")
        self._ended_at = self._ended_at or self._clock.now()
        self._state = state
        self._emit(event(kept))

    def _close(self, *, keep: bool) -> tuple[Path, ...]:
        if self._line is None:
            return ()
        return tuple(self._line.close(keep=self._keep if keep else None, tell=self._found.notice))

    def _emit(self, event: JobEvent) -> None:
        for observer in self._observers:
            try:
                observer(event)
            except Exception:  # noqa: BLE001 - an observer must never end a render
                _log.exception("an observer failed on %r", event)
