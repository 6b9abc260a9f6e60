"""What a job has found on its way, told at once and kept for its report."""

from collections.abc import Callable
from dataclasses import dataclass, field

from birefnet_video.events import JobEvent, JobNotice, JobStep, SceneCut, SubjectNoted
from birefnet_video.types import FrameMeta, Step


@dataclass(slots=True)
class Findings:
    """Filled on the job's threads."""

    emit: Callable[[JobEvent], None]
    """Tells everybody."""
    warnings: list[str] = field(default_factory=list)
    cuts: list[FrameMeta] = field(default_factory=list)
    """First frames of new shots."""
    subjects: list[SubjectNoted] = field(default_factory=list)

    def notice(self, message: str) -> None:
        """Something a user should know, or a :class:`Step`."""
        if isinstance(message, Step):
            self.emit(JobStep(message))
            return
        self.warnings.append(message)
        self.emit(JobNotice(message))

    def cut(self, frame: FrameMeta) -> None:
        """A new shot begins."""
        self.cuts.append(frame)
        self.emit(SceneCut(frame))

    def subject(self, noted: SubjectNoted) -> None:
        """Something has become of a subject."""
        self.subjects.append(noted)
        self.emit(noted)
