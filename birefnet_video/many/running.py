"""Renders one after another in one process, with a network that stays open."""

import sys
import traceback
from collections.abc import Sequence

from attrs import evolve

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.jobs import Job
from birefnet_video.json_lines import say_json
from birefnet_video.many.planning import Planned
from birefnet_video.many.tally import Ended, Tally
from birefnet_video.many.telling import Teller, make_teller
from birefnet_video.options.request import RenderRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.report import End, follow
from birefnet_video.signals import stop_on_signals
from birefnet_video.words import printable
from birefnet_video.workers.kept import KeptWorkers


def render_all(planned: Planned, run: RunSpec, load: OpenBackend | None = None) -> int:
    """Render all inputs; one that fails does not keep the others from their turn.

    Args:
        planned: what to render.
        run: how it is watched.
        load: loads a network; ``None``: the registry's.

    Returns:
        the exit code.

    Raises:
        OutputRefused: if a folder for outputs cannot be made; nothing has begun then.
    """
    planned.make_folders()
    renders = _Renders(SharedNetwork(load) if load is not None else SharedNetwork(), make_teller(run), run)
    return renders.all_of(planned).exit_code


class _Renders:
    def __init__(self, network: SharedNetwork, teller: Teller, run: RunSpec) -> None:
        self._network, self._teller, self._run = network, teller, run
        self._workers = KeptWorkers()
        self._now: Job | None = None
        self._received: Sequence[int] = ()

    def all_of(self, planned: Planned) -> Tally:
        """Render them, as long as no signal asks for the end."""
        self._received = stop_on_signals(self._stop)
        for source in planned.skipped:
            self._teller.skip(source)
        ended: list[Ended] = []
        asked = len(planned.requests) + len(planned.skipped)
        try:
            for number, request in enumerate(planned.requests, 1):
                if self._received:
                    break
                ended.append(self._one(request, f"{number}/{len(planned.requests)}"))
        finally:
            self._network.close()
            self._workers.close()
        tally = Tally(asked, tuple(ended), len(planned.skipped), next(iter(self._received), 0))
        self._teller.close(tally)
        return tally

    def _stop(self) -> None:
        if self._now is not None:
            self._now.cancel()

    def _one(self, request: RenderRequest, place: str) -> Ended:
        spec = request.spec
        self._now = job = Job(spec, open_backend=self._network.open, kept=self._workers)
        if self._received:
            # It came before there was a job to cancel.
            job.cancel()
        end = follow(job, self._teller.begin(spec.source, place), self._received)
        self._network.settle(failed=end.name == "failed")
        ended = Ended(spec.source, end, job.report)
        self._teller.end(ended, job, place)
        if self._run.verbose and end.error is not None:
            traceback.print_exception(end.error)
        return ended


def say_plans(planned: Planned, run: RunSpec) -> int:
    """Say what would be read and written.

    Returns:
        the exit code that says whether all of it could begin.
    """
    teller = make_teller(evolve(run, quiet=False))
    ended: list[Ended] = []
    for source in planned.skipped:
        teller.skip(source)
    for number, request in enumerate(planned.requests, 1):
        spec = request.spec
        try:
            plan = Plan.of(spec, to_be_made=planned.folders)
        except BirefnetVideoError as error:
            ended.append(Ended(spec.source, End(error.exit_code, "failed", error, ()), None))
            continue
        ended.append(Ended(spec.source, End(0, "planned", None, ()), None))
        if run.style == "json":
            say_json(plan.to_json())
            continue
        print(f"[{number}/{len(planned.requests)}]")
        print("\n".join(printable(line) for line in plan.lines()))
    asked = len(planned.requests) + len(planned.skipped)
    tally = Tally(asked, tuple(ended), len(planned.skipped), what="planned")
    sys.stdout.flush()
    teller.close(tally)
    return tally.exit_code
