"""Which workers a render has."""

from collections.abc import Sequence
from dataclasses import replace

from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import are_several
from birefnet_video.pipeline.ordered import usable_cores
from birefnet_video.workers.kept import KeptWorkers
from birefnet_video.workers.local import LocalWorker
from birefnet_video.workers.tasks import Brief
from birefnet_video.workers.worker import Worker


def wants_workers(spec: JobSpec) -> bool:
    """Whether a render is made by workers."""
    return spec.writing.ray is not None or (spec.writing.workers or 1) > 1 or are_several(spec.backend.device)


def hire(brief: Brief, notify: Notify, kept: KeptWorkers | None = None) -> Sequence[Worker]:
    """The workers that a render asks for, not yet open: one for each GPU, or some that share the cores.

    Args:
        brief: of the render.
        notify: takes what a user should know.
        kept: what earlier renders have left for this one; ``None``: nothing is kept.

    Raises:
        UsageError: if it asks for more than there can be.
        BackendUnavailable: if there is no such GPU.
    """
    device, count = brief.plan.spec.backend.device, brief.plan.spec.writing.workers
    if brief.plan.spec.writing.ray is not None:
        return _in_cluster(brief, brief.plan.spec.writing.ray, notify, kept)
    if are_several(device):
        devices = _devices(device)
        # Several for each card, where its memory has room and its cores wait.
        names = [devices[index % len(devices)] for index in range(max(count or 0, len(devices)))]
        return [_on(brief, name, notify, index, kept) for index, name in enumerate(names)]
    cores = usable_cores()
    wanted = count or 1
    if device.startswith("cuda"):
        return [_on(brief, device, notify, index, kept) for index in range(wanted)]
    if wanted > len(cores):
        raise UsageError(f"--workers: {wanted} is more than the {len(cores)} cores that there are")
    share = len(cores) // wanted
    return [
        LocalWorker(f"worker {index + 1}", brief, notify, cores[index * share : (index + 1) * share], kept=kept)
        for index in range(wanted)
    ]


def _in_cluster(brief: Brief, address: str, notify: Notify, kept: KeptWorkers | None) -> Sequence[Worker]:
    """One for each GPU of a cluster, or for each of its machines if none has one.

    Raises:
        UsageError: if a device is named by number.
        BackendUnavailable: if there is no such cluster.
    """
    from birefnet_video.workers.cluster import Cluster
    from birefnet_video.workers.ray_worker import RayWorker
    from birefnet_video.workers.sharing import Sharing

    device, count = brief.plan.spec.backend.device, brief.plan.spec.writing.workers
    if ":" in device:
        raise UsageError(
            f"--device {device}: Ray says which GPU a worker has", hint="--workers N says how many there are"
        )
    sharing = Sharing(brief.plan, brief.timeline, notify)
    cluster = (
        Cluster(address) if kept is None else kept.lasting(address, lambda: Cluster(address).enter(), Cluster.leave)
    )
    on_gpu = device == "cuda" or (device == "auto" and cluster.gpus > 0)
    wanted = count or (cluster.gpus if on_gpu else cluster.nodes)
    needs = {"num_cpus": 1.0, "num_gpus": 1.0} if on_gpu else {"num_cpus": 1.0}
    plan = brief.plan.on("cuda") if on_gpu else brief.plan
    there = replace(brief, plan=plan)
    sharing = Sharing(plan, brief.timeline, notify)
    return [RayWorker(f"worker {index + 1}", there, notify, cluster, sharing, needs, kept) for index in range(wanted)]


def _on(brief: Brief, device: str, notify: Notify, index: int, kept: KeptWorkers | None) -> LocalWorker:
    there = replace(brief, plan=brief.plan.on(device))
    return LocalWorker(f"worker {index + 1} on {device}", there, notify, kept=kept)


def _devices(asked: str) -> list[str]:
    if not asked.endswith(":all"):
        return [f"cuda:{number}" for number in dict.fromkeys(asked.partition(":")[2].split(","))]
    import torch

    if not torch.cuda.is_available():
        raise BackendUnavailable(f"{asked}: torch finds no such device here", hint="use --device cpu --workers 2")
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
