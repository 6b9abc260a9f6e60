"""What an observer of a job sees: rare events, and a snapshot to poll."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from birefnet_video.types import FrameMeta, MediaInfo


class JobState(StrEnum):
    """Where a job is in its life."""

    WAITING = "waiting"
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    VERIFYING = "verifying"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows it."""
        return self in (JobState.FINISHED, JobState.CANCELLED, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class JobStarted:
    """Input and outputs are open, the first frame is on its way."""

    info: MediaInfo
    plan: str
    """Model, size, device and batch in words."""


@dataclass(frozen=True, slots=True)
class JobNotice:
    """Something a user should know once: a fallback with its reason, an assumption, damage."""

    message: str


@dataclass(frozen=True, slots=True)
class JobStep:
    """What is being done that takes long: no warning."""

    message: str


@dataclass(frozen=True, slots=True)
class SceneCut:
    """A new shot begins; smoothing does not reach across."""

    frame: FrameMeta
    """Its first frame."""


@dataclass(frozen=True, slots=True)
class SubjectNoted:
    """What has become of a subject that is followed."""

    frame: FrameMeta
    subject: str
    finding: Literal["lost", "left", "found", "unsure", "waiting"]
    """``left``: the picture, at its border; ``unsure``: it may be somebody else; ``waiting``: nobody is picked yet."""
    why: str
    time_s: float
    """Of the frame, on the input's clock."""

    @property
    def counts(self) -> bool:
        """Whether ``--strict-subject`` minds."""
        return self.finding in ("lost", "unsure")

    def describe(self) -> str:
        """In words."""
        words = {"lost": "lost", "left": "gone", "found": "found", "unsure": "not sure", "waiting": "waiting"}
        return f"{self.time_s:.2f} s: {self.subject}: {words[self.finding]}: {self.why}"


@dataclass(frozen=True, slots=True)
class JobFinished:
    """All outputs have their final names."""

    report: "JobReport"


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """The job was stopped; what was written is kept under a name that says so."""

    kept: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job failed."""

    error: BaseException
    kept: tuple[Path, ...]


JobEvent = JobStarted | JobNotice | JobStep | SceneCut | SubjectNoted | JobFinished | JobCancelled | JobFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSnapshot:
    """One stage at one moment."""

    name: str
    items: int
    busy_s: float
    queued: int
    """Items that wait behind it."""
    capacity: int = 0
    """Items that may."""
    waited_in_s: float = 0.0
    """Seconds of waiting for the stage before."""
    waited_out_s: float = 0.0
    """Seconds of waiting for room behind it."""
    median_s: float = 0.0
    """Work on one hand-over, of the latest ones."""
    slow_s: float = 0.0
    """The same, exceeded by one in twenty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSnapshot:
    """One of several workers at one moment."""

    name: str
    state: Literal["loading", "waiting", "working", "lost"]
    segment: int | None = None
    """That it makes."""
    stored: int = 0
    """Frames of that which lie on the disk."""
    frames: int = 0
    """That it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
    """A job at one moment. Cheap to take at any rate."""

    state: JobState
    decoded: int = 0
    written: int = 0
    total: int | None = None
    elapsed_s: float
    """Since the start, pauses left out."""
    fps: float = 0.0
    """Frames a second of the last seconds; of all of the rendering once it is over."""
    eta_s: float | None = None
    """At that pace."""
    stages: tuple[StageSnapshot, ...] = ()
    bytes_written: int = 0
    """Of all outputs."""
    loading_s: float = 0.0
    """Of :attr:`elapsed_s`, what went by until the first frame was done."""
    kept: int | None = None
    """Frames that a later run need not make again if this one is cut off; ``None``: it keeps none."""
    gpu_share: float | None = None
    """Share of the time since the first batch in which a GPU computed the network; ``None``: no GPU that can tell."""
    workers: tuple[WorkerSnapshot, ...] = ()
    """Who renders, if that is not one process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What a finished job did."""

    source: str
    outputs: tuple[Path, ...]
    frames: int
    seconds: float
    """Of the rendering, pauses left out."""
    fps: float
    """Frames in those seconds."""
    backend: str
    warnings: tuple[str, ...]
    damage: str | None
    """What of the input could not be read, or ``None``."""
    stages: tuple[StageSnapshot, ...]
    cuts: tuple[FrameMeta, ...] = ()
    """First frames of new shots, as smoothing found them."""
    subjects: tuple[SubjectNoted, ...] = ()
    """What has become of subjects that were followed, in the order of time."""
    flicker: tuple[float, float] | None = None
    """Mean change of alpha along the motion, times 1000, before and after smoothing; ``None`` without smoothing."""
    loading_s: float = 0.0
    """Seconds before the rendering: libraries, network, the first frame."""
    gpu_share: float | None = None
    """As of :attr:`JobSnapshot.gpu_share`, at the end."""
    was_done_before: bool = False
    """An earlier run has made the outputs: this one has done nothing."""


class LiveState(StrEnum):
    """Where a session is in its life."""

    STARTING = "starting"
    LIVE = "live"
    FROZEN = "frozen"
    LOST = "lost"
    """The camera has gone; it is waited for."""
    UNWATCHED = "unwatched"
    """Nobody uses the virtual camera; the camera is released until somebody does."""
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSnapshot:
    """A session at one moment. Times in seconds."""

    state: LiveState
    elapsed_s: float
    taken: int
    """Pictures that the camera gave."""
    shown: int
    """Pictures that came out."""
    dropped: int
    """Pictures that did not come out: later ones took their place, or the session was frozen."""
    reused: int
    """Pictures that had not changed: the network was not asked."""
    fps: float
    latency_p50_s: float
    latency_p95_s: float
    latency_max_s: float
    """From taking a picture until all outputs had it."""
    network_s: float
    """Median of what the network took."""
    size: tuple[int, int] | None
    """Height and width of the network's input."""
    reconnects: int
    mirror: bool = False
    """Left is shown as right."""
    threshold: float | None = None
    """Alpha from which edges are hard; ``None``: they are soft."""
    beyond_p95_s: float = 0.0
    """Of latencies, each less what the network took for that picture."""
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Who is followed, by name: ``kept``, ``lost``, ``left`` (the picture) or ``waiting`` (nobody is picked yet)."""
    live_s: float = 0.0
    """From the first picture that came out to the latest: without loading."""
    looks: int = 0
    """Of the network: more than one where a subject is searched for."""
