"""What a job has found on its way, told at once and kept for its report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from birefnet_video.defaults import NO_SUBJECT_SPREAD
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

    def judge(self, spreads: Sequence[float], damage: Sequence[str]) -> None:
        """What is to be said of the whole.

        Args:
            spreads: of each whose mattes were made, largest minus smallest alpha of the frame that tells most.
            damage: what of the input could not be read.
        """
        if all(spread < NO_SUBJECT_SPREAD for spread in spreads):
            self.notice("the matte is almost the same everywhere in every frame: no subject was found")
        if damage:
            self.notice(f"the input is damaged: {'; '.join(damage)}; all that could be read was written")
