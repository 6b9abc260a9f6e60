"""Several GPUs: one process each, started by torchrun, joined by DistributedDataParallel.

Plain DDP, not accelerate: it is a part of torch, the loop stays readable, and the recipe stays the only configuration.
"""

import os
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of the run."""

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and talks."""
        return self.rank == 0


def join_processes(device: str) -> Processes:
    """Join the processes that torchrun started, or stand alone.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; with torchrun each process takes the GPU of its local rank.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes(0, 1, torch.device(device))
    if device.startswith("cuda"):
        local = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(local)
        distributed.init_process_group("nccl")
    else:
        local = torch.device(device)
        distributed.init_process_group("gloo")
    return Processes(distributed.get_rank(), count, local)


def leave_processes(processes: Processes) -> None:
    """Undo :func:`join_processes`."""
    if processes.count > 1 and distributed.is_initialized():
        distributed.destroy_process_group()


def any_says(processes: Processes, value: bool) -> bool:
    """Whether any process says so: a stop that one was asked for is a stop of all."""
    if processes.count == 1:
        return value
    flag = torch.tensor(int(value), device=processes.device)
    distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
    return bool(flag.item())
