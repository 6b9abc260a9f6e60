"""Opens a run: in this process, or as workers' segments that are joined."""

from functools import partial

from birefnet_video.backends.registry import open_backend as default_backend
from birefnet_video.findings import Findings
from birefnet_video.options.job import JobSpec
from birefnet_video.pipeline.assemble import OpenBackend, assemble
from birefnet_video.pipeline.line import Run
from birefnet_video.pipeline.plan import Plan
from birefnet_video.workers.hiring import hire, wants_workers
from birefnet_video.workers.joining import open_joined
from birefnet_video.workers.kept import KeptWorkers


def open_run(spec: JobSpec, found: Findings, open_backend: OpenBackend | None, kept: KeptWorkers | None = None) -> Run:
    """Open all that a render needs.

    Args:
        spec: what to do.
        found: takes what a user should know, cuts, and what becomes of subjects.
        open_backend: loads the network in this process; ``None``: the registry's.
        kept: workers of earlier renders, and of this one for later ones; ``None``: none are kept.

    Raises:
        BirefnetVideoError: whatever stands in the way, before any frame is computed; nothing is left behind.
    """
    if wants_workers(spec):
        return open_joined(Plan.of(spec), found.notice, partial(hire, kept=kept), on_cut=found.cut)
    load = open_backend or default_backend
    return assemble(spec, found.notice, load, on_cut=found.cut, on_subject=found.subject)
