"""Opens a run: in this process, or as workers' segments that are joined."""

from collections.abc import Callable

from birefnet_video.backends.registry import open_backend as default_backend
from birefnet_video.events import SubjectNoted
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.job import JobSpec
from birefnet_video.pipeline.assemble import OpenBackend, assemble
from birefnet_video.pipeline.line import Run
from birefnet_video.pipeline.plan import Plan
from birefnet_video.types import FrameMeta
from birefnet_video.workers.hiring import hire, wants_workers
from birefnet_video.workers.joining import open_joined


def open_run(
    spec: JobSpec,
    notify: Notify,
    open_backend: OpenBackend | None,
    *,
    on_cut: Callable[[FrameMeta], None],
    on_subject: Callable[[SubjectNoted], None],
) -> Run:
    """Open all that a render needs.

    Args:
        spec: what to do.
        notify: takes what a user should know.
        open_backend: loads the network in this process; ``None``: the registry's.
        on_cut: takes the first frame of every new shot.
        on_subject: takes what becomes of subjects that are followed.

    Raises:
        BirefnetVideoError: whatever stands in the way, before any frame is computed; nothing is left behind.
    """
    if wants_workers(spec):
        return open_joined(Plan.of(spec), notify, hire, on_cut=on_cut)
    return assemble(spec, notify, open_backend or default_backend, on_cut=on_cut, on_subject=on_subject)
