"""Which engine runs a network: down the ladder, in which precision, and made ready."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import Any

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.devices import has_fast_bfloat16
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engine_table import ENGINES, LADDER, check_engine, worth_building
from birefnet_video.backends.room import most_at_once
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, first_line

#: Compute capability of GPUs from which float16 is faster than float32.
_FAST_FP16 = (7, 0)


def climb(request: Request, frames: int | None, batch_size: int | None) -> tuple[Prepared, BackendInfo]:
    """The first engine of the ladder that works, with the reasons why those before it do not."""
    reasons = [request.info.note] if request.info.note else []
    hint: str | None = None
    kind, precision = request.info.device.split(":")[0], request.info.precision
    for name in LADDER[kind]:
        # Plain PyTorch has every precision but those that are built for.
        is_needed = precision not in ("auto", *ENGINES["eager"].precisions[kind])
        is_short = name not in worth_building(frames) and not is_needed
        try:
            check_engine(name, request.info.device, request.info.precision)
            if is_short and not is_built(request, name, batch_size):
                reasons.append(f"{name} must be built first: {_why_not_now(name, frames)}")
                continue
            prepared, info = prepare(request, name, batch_size)
        except BackendUnavailable as error:
            reasons.append(error.message)
            hint = hint or error.hint
            continue
        return prepared, replace(info, note="; ".join(reasons))
    raise BackendUnavailable("; ".join(reasons), hint=hint)


def _why_not_now(name: str, frames: int | None) -> str:
    if ENGINES[name].worth_from is None:
        return f"--engine {name} does at the start, once, which takes minutes"
    return f"not worth it for {frames} frames"


def better_in_minutes(request: Request) -> str | None:
    """The fastest engine that would be taken in place of the one that runs, had somebody built it.

    Args:
        request: of what runs.
    """
    info = request.info
    ladder = LADDER[info.device.split(":")[0]]
    for name in ladder[: ladder.index(info.name)]:
        try:
            check_engine(name, info.device, info.precision)
            # One that lies ready has been tried, and does not start.
            if ENGINES[name].worth_from is None and not is_built(request, name, info.batch_size):
                return name
        except BackendUnavailable:
            continue
    return None


def _info_for(request: Request, name: str, batch_size: int | None) -> BackendInfo:
    precision = _precision(request, name)
    at_once = batch_size or most_at_once(request, name, precision)
    return replace(request.info, name=name, precision=precision, batch_size=at_once)


def _module_of(name: str) -> Any:
    return import_module(f"birefnet_video.backends.engines.{ENGINES[name].module}")


def is_built(request: Request, name: str, batch_size: int | None) -> bool:
    """Whether what an engine builds lies ready in the cache.

    Raises:
        BackendUnavailable: if a library that it needs does not load.
    """
    module = _module_of(name)
    if not hasattr(module, "cache_key"):
        return False
    key = module.cache_key(replace(request, info=_info_for(request, name, batch_size)))
    return request.cache.folder(name, key).is_dir()


def prepare(request: Request, name: str, batch_size: int | None) -> tuple[Prepared, BackendInfo]:
    """What an engine makes of a request, and what runs then.

    Args:
        request: what is to run where; its precision may be ``auto``.
        name: of the engine.
        batch_size: pictures at once; ``None``: as many as there is room for.

    Raises:
        BackendUnavailable: if it does not start.
    """
    from birefnet_video.backends.memory import is_memory

    info, module = _info_for(request, name, batch_size), _module_of(name)
    while True:
        try:
            with _current(info.device):
                return module.prepare(replace(request, info=info)), info
        except BirefnetVideoError:
            raise
        except Exception as error:
            fits_less = isinstance(error, RuntimeError) and is_memory(error) and info.batch_size > 1
            if batch_size is not None or not fits_less:
                raise BackendUnavailable(f"{name}: does not start: {first_line(error)}") from error
        # Not while the error is handled: its traceback holds what fills the memory.
        fewer = info.batch_size // 2
        request.tell(f"{name}: out of memory with {info.batch_size} frames at once: going on with {fewer}")
        info = replace(info, batch_size=fewer)


def _current(device: str) -> "AbstractContextManager[object]":
    """Makes a GPU the one that libraries build for."""
    import torch

    return torch.cuda.device(device) if device.startswith("cuda") else nullcontext()


def _precision(request: Request, name: str) -> str:
    """Half where it is fast and does no harm."""
    if request.info.precision != "auto":
        return request.info.precision
    import torch

    from birefnet_video.model.precision import needs_float32

    kind = request.info.device.split(":")[0]
    choices = ENGINES[name].precisions[kind]
    if kind == "cuda" and "fp16" in choices and torch.cuda.get_device_capability(request.info.device) >= _FAST_FP16:
        return "fp16"
    if "bf16" not in choices or not has_fast_bfloat16(request.info.device):
        return "fp32"
    return "fp32" if needs_float32(request.network.facts.backbone, torch.bfloat16) else "bf16"
