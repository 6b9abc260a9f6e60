"""Which torch device to compute on."""

from birefnet_video.errors import BackendUnavailable, UsageError, first_line
from birefnet_video.options.network import are_several


def pick_device(wanted: str, *, tries: bool = True) -> tuple[str, str]:
    """The torch device, and why, if the choice was ours.

    Args:
        wanted: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        tries: see whether something can be computed there, which begins to use it.

    Raises:
        UsageError: if ``wanted`` names no kind of device.
        BackendUnavailable: if a device asked for by name is not there, or nothing can be computed on it.
    """
    if are_several(wanted):
        raise UsageError(f"--device {wanted}: only renders of videos take several")
    import torch

    from birefnet_video.model.precision import keep_float32

    # Here, because whatever computes has asked for its device first.
    keep_float32()
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        reasons = []
        for kind in ("cuda", "mps"):
            if available[kind]:
                if (reason := _why_not(kind) if tries else None) is None:
                    return kind, ""
                reasons.append(f"{kind}: torch does not compute there: {reason}")
        return "cpu", "; ".join(reasons) or "no GPU found"
    kind = wanted.split(":")[0]
    if kind not in available or (":" in wanted and not wanted.split(":")[1].isdecimal()):
        raise UsageError(f"device: {wanted!r} is none of auto, cpu, cuda, cuda:N, mps")
    if not available[kind]:
        raise BackendUnavailable(f"{wanted}: torch finds no such device here", hint="use --device cpu")
    if wanted.startswith("cuda:") and int(wanted[5:]) >= torch.cuda.device_count():
        raise BackendUnavailable(f"{wanted}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    if tries and (reason := _why_not(wanted)) is not None:
        raise BackendUnavailable(f"{wanted}: torch does not compute there: {reason}", hint="use --device cpu")
    return wanted, ""


def _why_not(device: str) -> str | None:
    """Why nothing can be computed on a device that torch sees, found by trying; ``None`` if it can.

    A driver that is too old and a GPU that torch is not built for show only then.
    """
    import torch

    try:
        torch.ones(2, device=device).sum().item()
    except RuntimeError as error:
        return first_line(error)
    return None


def has_fast_bfloat16(device: str) -> bool:
    """Whether bfloat16 is faster than float32 there."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device != "cpu":
        return False
    # oneDNN would compute in it on any AVX-512, slowly.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in names if hasattr(torch.cpu, name))
