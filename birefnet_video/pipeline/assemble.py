"""From a plan to opened files, a loaded network and a wired line of stages."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from birefnet_video.backends.base import MattingBackend, Staying
from birefnet_video.backends.device_time import busy_from_now
from birefnet_video.backends.registry import open_backend
from birefnet_video.backends.room import free_bytes
from birefnet_video.defaults import CORES_A_WORKER, MOST_WORKERS, QUEUE_BATCHES
from birefnet_video.events import SubjectNoted
from birefnet_video.inputs.opening import open_input
from birefnet_video.inputs.reader import Notify, Reader
from birefnet_video.inputs.remote import place_of
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.outputs.sink import Sink, discarded_on_error
from birefnet_video.pipeline.as_seen import as_seen
from birefnet_video.pipeline.budget import Budget, budget
from birefnet_video.pipeline.composing import Composing, Look
from birefnet_video.pipeline.compositor import Compositor, CpuCompositor, Made
from birefnet_video.pipeline.core import Matting, ViewThere
from birefnet_video.pipeline.following import Follower
from birefnet_video.pipeline.guiding import follower_of, frames_of, motion_estimator, network_of, read_masks, seen_wider
from birefnet_video.pipeline.line import Line
from birefnet_video.pipeline.memory import Memory
from birefnet_video.pipeline.motions import with_motion
from birefnet_video.pipeline.ordered import cores
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.pipeline.resuming import find_resumption
from birefnet_video.pipeline.runner import Runner, Stage
from birefnet_video.pipeline.stages import Composed, MatteGauge, compose, encode, infer, prepare
from birefnet_video.pipeline.stretch import Stretch
from birefnet_video.types import Frame, FrameMeta, Matte, MediaInfo, Step

#: Loads the network for an input; replaced in tests and benchmarks.
OpenBackend = Callable[[BackendSpec, MediaInfo, Notify], MattingBackend]


def assemble(
    spec: JobSpec,
    notify: Notify,
    open_backend: OpenBackend = open_backend,
    *,
    on_cut: Callable[[FrameMeta], None] = lambda frame: None,
    on_subject: Callable[[SubjectNoted], None] = lambda noted: None,
) -> Line:
    """Check the outputs, look into the input, open the files and load the network, in the order of what is cheap.

    Args:
        spec: what to do.
        notify: takes what a user should know.
        open_backend: loads the network.
        on_cut: takes the first frame of every new shot.
        on_subject: takes what becomes of subjects that are followed.

    Raises:
        BirefnetVideoError: whatever stands in the way, before any frame is computed; nothing is left behind.
    """
    return open_plan(Plan.of(spec), notify, open_backend, on_cut=on_cut, on_subject=on_subject)


def open_plan(
    plan: Plan,
    notify: Notify,
    open_backend: OpenBackend = open_backend,
    *,
    on_cut: Callable[[FrameMeta], None] = lambda frame: None,
    on_subject: Callable[[SubjectNoted], None] = lambda noted: None,
    stretch: Stretch | None = None,
) -> Line:
    """Open the files of a plan, load its network and wire its stages; see :func:`assemble`.

    Only the frames of ``stretch``; ``None``: all that no earlier run has done.
    """
    spec, info = plan.spec, plan.info
    if plan.decode_on != "cpu":
        open_input(place_of(info.path), spec.input.limits, plan.decode_on).close()
    for note in plan.notes:
        notify(note)
    stretch = stretch or find_resumption(plan, notify)
    look = Look(colour=spec.colour, input_alpha=spec.input.input_alpha, compose_on=spec.backend.compose_on)
    shown = [(output.spec, output.canvas) for output in plan.outputs]
    composing = Composing(look, shown, info, notify, began_s=stretch.began_s)
    with discarded_on_error() as writers:
        stretch.open_sinks(plan, notify, writers)
        notify(Step(f"loading the network {spec.backend.model}"))
        backend = seen_wider(open_backend(network_of(plan), info, notify), plan)
        matting, counted, follower = _open_matting(plan, backend, composing, notify, on_subject, stretch.memory)
    multiplies, stay = look.input_alpha == "multiply", matting.view_there is not None
    read = partial(Reader, info, with_alpha=multiplies, decode_on=plan.decode_on, stay=stay)
    batch_size = matting.info.batch_size
    reader = stretch.reader(partial(read, notify), plan.cut, batch_size)
    gauges, tap = {lane: MatteGauge(keeps_means=spec.writing.verify == "full") for lane in plan.lanes}, PreviewTap()
    on_cut = stretch.restore([*gauges.values()], on_cut)
    # A video behind the subject moves on with the frames.
    workers = 1 if plan.in_order else _composing_threads(matting, counted, notify)
    composing_stage = _composing_stage(plan, matting, [*gauges.values()], tap, workers)
    smoothing, flicker = _smoothing(plan, matting, counted, on_cut, notify)
    network = _network_stages(plan, matting, follower)
    frames = partial(frames_of, plan, reader, lambda: read(lambda note: None, cut=plan.cut), follower)
    stages = _stages(frames, network, batch_size, smoothing, stretch.before(composing_stage), writers)
    return Line(
        info=info,
        matting=matting,
        reader=reader,
        writers=writers,
        lanes=[output.spec.lanes for output in plan.outputs],
        gauges=gauges,
        composing=composing_stage,
        smoothing=smoothing,
        flicker=flicker,
        tap=tap,
        runner=Runner(stages),
        gpu_busy_s=busy_from_now(backend.info.device),
        on_committed=stretch.finish,
        kept=stretch.kept,
        resumed=stretch.frames,
        skipped=stretch.begin(batch_size),
    )


def _open_matting(
    plan: Plan,
    backend: MattingBackend,
    composing: Composing,
    notify: Notify,
    on_subject: Callable[[SubjectNoted], None],
    memory: Memory | None,
) -> tuple[Matting, Budget, Follower | None]:
    """What makes mattes and frames, how much of it at once, and who follows subjects."""
    try:
        free, has = free_bytes(backend.info.device), backend.info
        counted = budget(
            plan.info,
            has.input_size,
            has.batch_size,
            free,
            mattes=len(plan.lanes),
            smooth=plan.spec.matte.smooth,
            finds_motion=not plan.guidance.said,
        )
        compositor = composing.on(has.device)
        view_there = _view_there(plan, backend, compositor, counted, notify)
        matting = Matting(backend, compositor, view_there)
        return matting, counted, follower_of(plan, backend, read_masks(plan.guidance.said), on_subject, memory)
    except BaseException:
        backend.close()
        raise


def _composing_stage(
    plan: Plan, matting: Matting, gauges: list[MatteGauge], tap: PreviewTap, workers: int
) -> Callable[[Iterable[list[Matte]]], Iterator[Composed]]:
    return partial(
        compose,
        matting=matting,
        edit=plan.spec.matte,
        gauges=gauges,
        on_made=partial(_offer, plan, tap),
        workers=workers,
    )


def _offer(plan: Plan, tap: PreviewTap, made: Made) -> None:
    """Let a watcher see the picture, with the background that the first composite has."""
    composites = (index for index, output in enumerate(plan.outputs) if output.spec.kind == "composite")
    shown = next(composites, None)
    sent = partial(as_seen, made.pictures[shown], plan.outputs[shown].canvas, plan.info) if shown is not None else None
    tap.offer(made.cutout, plan.info, sent)


def _composing_threads(matting: Matting, counted: Budget, notify: Notify) -> int:
    device = matting.info.device
    # Threads that wait for a GPU need no core, and two of them leave it no time to wait.
    wanted = max(2 if device.startswith("cuda") else 1, _workers())
    if isinstance(matting.compositor, CpuCompositor):
        return wanted
    threads = counted.threads(wanted, pictures_stay=matting.view_there is not None)
    if threads < wanted:
        notify(f"{device}: its memory has room for {threads} of {wanted} pictures that would be composed at once")
    return threads


def _view_there(
    plan: Plan, backend: MattingBackend, compositor: Compositor, counted: Budget, notify: Notify
) -> ViewThere | None:
    """Makes the view of pictures where a GPU has decoded them, if all that reads them is there, too."""
    device, decode_on = backend.info.device, plan.decode_on
    if decode_on == "cpu":
        return None
    if isinstance(compositor, CpuCompositor) or _with_number(decode_on) != _with_number(device):
        where = "the CPU" if isinstance(compositor, CpuCompositor) else device
        notify(f"pictures come from {decode_on} to the CPU: they are composed on {where}")
        return None
    if not counted.has_room_for_pictures:
        notify(f"pictures come from {decode_on} to the CPU: its memory has no room for those on their way")
        return None
    # Brings torch along, which nothing before the network needs.
    from birefnet_video.pipeline.view_torch import ViewMaker

    # Who follows a subject reads each of them on the CPU, and so does smoothing there.
    is_read_here = bool(plan.guidance.said) or (plan.spec.matte.smooth != "off" and not counted.has_room_for_smoothing)
    return ViewMaker(device, notify, stay=isinstance(backend, Staying) and not is_read_here)


def _with_number(device: str) -> str:
    return device if ":" in device else f"{device}:0"


def _smoothing(
    plan: Plan,
    matting: Matting,
    counted: Budget,
    on_cut: Callable[[FrameMeta], None],
    notify: Notify,
) -> tuple[Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None, Callable[[], tuple[float, float] | None]]:
    mode, info = plan.spec.matte.smooth, plan.info
    if mode == "off":
        return None, lambda: None
    # Brings torch along, which nothing before the network needs.
    from birefnet_video.pipeline.smoothing import SmoothingRecord, Where, smooth

    record = SmoothingRecord(lambda frame: on_cut(frame.meta), notify)
    device, shape = matting.info.device, (info.width, info.height)
    # Several at once would let frames wait for each other.
    workers, stays = 1 if mode == "live" else _workers(), matting.stays
    if not counted.has_room_for_smoothing:
        notify(f"{device}: its memory has no room to smooth mattes there: the CPU does")
        device, stays = "cpu", False
    where = Where(device if device.startswith("cuda") else "cpu", stays, workers)
    once = partial(
        smooth,
        shape=shape,
        mode=mode,
        record=record,
        where=where,
        has_motion=bool(plan.guidance.said),
    )

    def stage(batches: Iterable[list[Matte]]) -> Iterator[list[Matte]]:
        for lane in range(len(plan.lanes)):
            batches = once(batches, lane=lane)
        yield from batches

    return stage, record.flicker


def _stages(
    read: Callable[[], Iterator[Frame]],
    network: list[Stage],
    batch_size: int,
    smoothing: Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None,
    composing: Callable[[Iterable[list[Matte]]], Iterator[Composed]],
    writers: list[Sink],
) -> list[Stage]:
    frames = QUEUE_BATCHES * batch_size
    return [
        Stage("decode", lambda _: read(), frames),
        *network,
        *([Stage("smooth", smoothing, frames)] if smoothing is not None else []),
        Stage("compose", composing, frames),
        Stage("encode", partial(encode, writers=writers)),
    ]


def _network_stages(plan: Plan, matting: Matting, follower: Follower | None) -> list[Stage]:
    """From frames to mattes."""
    views = Stage("prepare", partial(prepare, info=plan.info, matting=matting, workers=_workers()), QUEUE_BATCHES)
    if follower is None:
        return [views, Stage("infer", partial(infer, matting=matting), QUEUE_BATCHES)]
    estimator = motion_estimator(plan)
    motion = Stage("motion", partial(with_motion, estimator=estimator, workers=_workers()), QUEUE_BATCHES)
    return [views, motion, Stage("infer", follower.follow, QUEUE_BATCHES)]


def _workers() -> int:
    """Threads of a stage that can have several: few machines have cores that nobody else needs."""
    return max(1, min(cores() // CORES_A_WORKER, MOST_WORKERS))
