"""Which engines run a network here, and why not the others."""

import tempfile
from pathlib import Path

from birefnet_video.doctor.finding import Finding, Section
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError
from birefnet_video.types import Step

#: Of the network that is made ready with an engine: small, so that it takes seconds.
_SIDE = 64
#: Prepared in seconds; the others take a minute or more.
_QUICK = ("eager", "cudagraph", "openvino")


def look_at_engines(*, thorough: bool) -> Section:
    """Ask every engine about the device that ``auto`` takes.

    Args:
        thorough: also those that take long to make a network ready.
    """
    from birefnet_video.backends.devices import pick_device
    from birefnet_video.backends.engine_table import ENGINES

    device, _ = pick_device("auto")
    return Section("Engines", tuple(_engine(name, device, thorough=thorough) for name in ENGINES))


def _engine(name: str, device: str, *, thorough: bool) -> Finding:
    from birefnet_video.backends.engine_table import ENGINES, check_engine

    kinds, kind = ENGINES[name].precisions, device.split(":")[0]
    if kind not in kinds:
        if "cpu" not in kinds:
            return Finding(name, "note", f"runs on {' and '.join(kinds)} only")
        # Beside a GPU, the CPU can be asked for by name.
        kind = device = "cpu"
    try:
        check_engine(name, device, "auto")
    except BackendUnavailable as error:
        return Finding(name, "missing", error.message.removeprefix(f"{name}: "), error.hint or "")
    able = f"{kind}: {', '.join(kinds[kind])}"
    if name not in _QUICK and not thorough:
        return Finding(name, "ok", f"{able}; installed, not tried (--thorough tries it)")
    try:
        told = infer_once(name, device)
    except BirefnetVideoError as error:
        return Finding(name, "broken", error.message, error.hint or "--engine eager always works")
    return Finding(name, "ok", "; ".join((f"{able}; tried", *told)))


def infer_once(name: str, device: str) -> list[str]:
    """Make the bundled network ready with an engine and run it; what is built is thrown away.

    Returns:
        what a user would have been told, but for what takes long: what is done in another way than it should be.

    Raises:
        BirefnetVideoError: if it does not start or does not run.
    """
    import numpy as np

    from birefnet_video.backends.cache import EngineCache
    from birefnet_video.backends.registry import load_backend
    from birefnet_video.options.network import BackendSpec
    from birefnet_video.zoo.known import BUNDLED

    spec = BackendSpec(model=BUNDLED, engine=name, device=device, size=(_SIDE, _SIDE), batch_size=1)  # type: ignore[arg-type]
    told: list[str] = []
    with tempfile.TemporaryDirectory(prefix="birefnet-video-") as folder:
        backend = load_backend(spec, _SIDE, _SIDE, cache=EngineCache(Path(folder)), tell=told.append)
        try:
            backend.infer(np.zeros((1, _SIDE, _SIDE, 3), np.uint8))
        finally:
            backend.close()
    return [each for each in told if not isinstance(each, Step)]
