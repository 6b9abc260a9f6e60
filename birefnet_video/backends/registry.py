"""From what is asked for to a network that is open and runs."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from birefnet_video.backends.base import BackendInfo, MattingBackend
from birefnet_video.backends.batch_memory import BatchMemory
from birefnet_video.backends.cache import EngineCache, Note, default_cache, hash_file, hash_of_code
from birefnet_video.backends.calibration import Calibration, calibration_of
from birefnet_video.backends.choosing import better_in_minutes, climb, is_built, prepare
from birefnet_video.backends.devices import pick_device
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engine_table import ENGINES, LADDER, check_engine, is_installed, loads_on
from birefnet_video.backends.finite import finite
from birefnet_video.backends.lazy_network import LazyNetwork
from birefnet_video.backends.room import bytes_a_pixel, free_bytes
from birefnet_video.backends.tiled import with_detail
from birefnet_video.defaults import BATCH_SIZE, BUILD_AFTER_S, MEASURE_AFTER_FRAMES
from birefnet_video.errors import BackendUnavailable
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.serial import converter
from birefnet_video.zoo.files import row_of, weights_path
from birefnet_video.zoo.licences import licence_to_show
from birefnet_video.zoo.loading import judged_order, load_network, patch_order_of
from birefnet_video.zoo.sizes import input_size

if TYPE_CHECKING:
    from birefnet_video.types import MediaInfo


def open_backend(spec: BackendSpec, media: "MediaInfo", tell: Callable[[str], None]) -> MattingBackend:
    """The network that ``spec`` asks for, sized for pictures like those of ``media``; see :func:`load_backend`."""
    # Of the whole clip: a part of it is calibrated on the same pictures.
    needs_own = spec.precision == "int8" and spec.calibration is None
    own = calibration_of(Path(media.path), media.limits) if needs_own else None
    backend = load_backend(spec, media.width, media.height, frames=media.frame_count, tell=tell, calibration=own)
    return with_detail(backend, spec.detail_size(media.width, media.height), tell)


def load_backend(
    spec: BackendSpec,
    width: int,
    height: int,
    *,
    frames: int | None = None,
    tell: Callable[[str], None] = lambda message: None,
    cache: EngineCache | None = None,
    calibration: Calibration | None = None,
) -> MattingBackend:
    """Load the network that ``spec`` asks for, sized for pictures of ``width`` x ``height``.

    Args:
        spec: what was asked for.
        width: of the pictures.
        height: of the pictures.
        frames: how many there are about, or ``None``: long builds are worth it for many.
        tell: takes what a user should know.
        cache: where built engines are kept; ``None``: the user's.
        calibration: pictures for int8, unless ``spec`` names some.

    Raises:
        CheckpointError: if the model or its weights are missing or not valid.
        InputMissing, NotAVideo: if what ``spec`` names for calibration is missing or no picture or video.
        BackendUnavailable: if the device, or an engine or precision asked for by name, is not available.
    """
    store = cache or default_cache()
    network = _network_beside_device(spec, store)
    first = _first_info(spec, width, height)
    if spec.engine != "auto":
        check_engine(spec.engine, first.device, spec.precision)
    if spec.calibration is not None:
        calibration = calibration_of(spec.calibration, tell=tell)

    if (licence := licence_to_show(row_of(spec.model))) is not None:
        tell(licence)

    def ask(info: BackendInfo, network: LazyNetwork | None = None) -> Request:
        weights = weights_path(spec.model)
        lazy = network or _network(spec, weights, store)
        return Request(lazy, info, weights, store, tell, calibration, spec.one_at_a_time)

    request = ask(first, network)
    if note := request.network.facts.note:
        tell(note)
    if spec.engine == "auto":
        prepared, info = climb(request, frames, spec.batch_size)
    else:
        prepared, info = prepare(request, spec.engine, spec.batch_size)

    def open_wider(wider: str) -> MattingBackend:
        asked = ask(replace(info, precision=wider))
        plain, found = prepare(asked, "eager", info.batch_size)
        return _adaptive(plain, replace(asked, info=found), info.batch_size, frames, ask)

    running = replace(request, info=info)
    backend = _adaptive(prepared, running, spec.batch_size, frames, ask)
    if spec.engine == "auto" and spec.build_beside and spec.detail == "off" and frames is not None:
        backend = _replaced_in_time(backend, spec, running, frames, ask)
    return finite(backend, tell, open_wider)


def build(spec: BackendSpec, info: BackendInfo, cache: EngineCache) -> None:
    """Build an engine into the cache, and see that it starts.

    Args:
        spec: of the network.
        info: what is to run; ``info.name`` is the engine.
        cache: where it is to lie.

    Raises:
        BirefnetVideoError: if it cannot be built or does not start.
    """
    pick_device(info.device)
    weights = weights_path(spec.model)
    request = Request(_network(spec, weights, cache), info, weights, cache, lambda message: None)
    prepare(request, info.name, info.batch_size)[0].close()


def order_for(spec: BackendSpec, info: BackendInfo, cache: EngineCache) -> dict[str, Any]:
    """The arguments of :func:`build` as JSON values."""
    values = converter()
    return {"spec": values.unstructure(spec), "info": values.unstructure(info), "cache": str(cache.root.absolute())}


def _replaced_in_time(
    backend: MattingBackend,
    spec: BackendSpec,
    request: Request,
    frames: int,
    ask: Callable[[BackendInfo], Request],
) -> MattingBackend:
    """``backend``, and a better engine from when that is built, if there is one that takes minutes to build."""
    from birefnet_video.backends.build_beside import BuildBeside
    from birefnet_video.backends.replacing import ReplacingBackend

    name, now = better_in_minutes(request), request.info
    if name is None:
        return backend
    # Not the request, which holds the network's weights.
    tell, cache, info = request.tell, request.cache, replace(now, name=name, note="")

    def open_built() -> MattingBackend:
        asked = replace(ask(info), tell=lambda message: None)
        prepared, found = prepare(asked, name, info.batch_size)
        return _adaptive(prepared, replace(asked, info=found, tell=tell), info.batch_size, frames, ask)

    height, width = now.input_size
    need = now.batch_size * height * width * bytes_a_pixel(request.network.facts.backbone, now.precision)

    def has_room() -> bool:
        free = free_bytes(now.device)
        return free is None or free >= need

    order = order_for(spec, info, cache)
    better = BuildBeside(name, order, cache, tell, open_built=open_built, has_room=has_room)
    return ReplacingBackend(backend, better, tell, frames=frames, after_s=BUILD_AFTER_S)


def _network(spec: BackendSpec, weights: Path, cache: EngineCache) -> LazyNetwork:
    """The network of a spec, and what was found out of it before."""
    note: Note | None = None
    # Who loads a file says why it cannot be read.
    with suppress(OSError):
        asked = {"model": spec.model, "patch order": patch_order_of(spec.model, spec.patch_order)}
        key = {**asked, "weights": hash_file(weights), "code": hash_of_code()}
        note = Note(cache, "networks", key, "facts.json")
    return LazyNetwork(
        lambda device: load_network(spec.model, spec.patch_order, device),
        judge=lambda net: judged_order(net, spec.model),
        note=note,
    )


def _network_beside_device(spec: BackendSpec, cache: EngineCache) -> LazyNetwork | None:
    """The network, being loaded on a thread of its own while a GPU gets ready; ``None``: that would save no time.

    A driver that gets ready waits for the GPU and the disk; imports and modules, for the processor. Whichever thread
    asks for the GPU first makes it ready, and weights go up as soon as it is.
    """
    device, _ = pick_device(spec.device, tries=False)
    asked = spec.engine if spec.engine != "auto" else next(each for each in LADDER["cuda"] if is_installed(each))
    # A graph that lies ready needs no network.
    if not device.startswith("cuda") or not ENGINES[asked].runs_modules:
        return None
    network = _network(spec, weights_path(spec.model), cache)
    threading.Thread(target=network.prefetch, args=(loads_on(asked, device),), name="birefnet-video network").start()
    return network


def _first_info(spec: BackendSpec, width: int, height: int) -> BackendInfo:
    """What is asked for, before it is known what comes of it."""
    device, note = pick_device(spec.device)
    return BackendInfo(
        name=spec.engine,
        model=spec.model,
        device=device,
        precision=spec.precision,
        input_size=spec.size or input_size(spec.model, width, height),
        # The engine that is taken may want another number, unless a user has said one.
        batch_size=spec.batch_size or BATCH_SIZE[device.split(":")[0]],
        note=note,
    )


def _adaptive(
    prepared: Prepared,
    request: Request,
    batch_size: int | None,
    frames: int | None,
    ask: Callable[[BackendInfo], Request],
) -> MattingBackend:
    """A backend that finds the number of pictures at once and lowers it when memory runs out.

    Args:
        prepared: of an engine.
        request: that it was made of.
        batch_size: that was asked for.
        frames: how many there are about, or ``None``.
        ask: loads the network anew, for engines that are built for one number.
    """
    from birefnet_video.backends.adaptive import AdaptiveBackend
    from birefnet_video.backends.network import NetworkBackend

    info = request.info
    backend = NetworkBackend(prepared, info)
    if prepared.is_fixed:
        return AdaptiveBackend(backend, request.tell, measures=False, reopening=_Reopening(ask, info))
    memory = BatchMemory(request.cache, _batch_key(request)) if batch_size is None and info.batch_size > 1 else None
    is_short = info.device.startswith("cuda") and frames is not None and frames < MEASURE_AFTER_FRAMES
    return AdaptiveBackend(backend, request.tell, measures=batch_size is None and not is_short, memory=memory)


class _Reopening:
    """See :class:`birefnet_video.backends.adaptive.Reopening`."""

    def __init__(self, ask: Callable[[BackendInfo], Request], info: BackendInfo) -> None:
        self._ask, self._info = ask, info

    def fewer(self, count: int) -> MattingBackend:
        from birefnet_video.backends.network import NetworkBackend

        return NetworkBackend(*prepare(self._ask(self._info), self._info.name, count))

    def more(self, count: int) -> MattingBackend | None:
        if not is_built(self._ask(self._info), self._info.name, count):
            return None
        try:
            return self.fewer(count)
        except BackendUnavailable:
            return None


def _batch_key(request: Request) -> dict[str, str]:
    import torch

    from birefnet_video.backends.engines.graphs import key_of

    return key_of(request, engine=request.info.name, threads=str(torch.get_num_threads()))
