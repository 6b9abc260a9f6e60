"""From a job's description to opened files, a loaded network and a wired line of stages."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from attrs import evolve

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import open_backend
from birefnet_video.defaults import CORES_A_WORKER, MOST_WORKERS, QUEUE_BATCHES
from birefnet_video.errors import UsageError
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.compose import even
from birefnet_video.media.encodings import Encoding, encoding_for, fit_codecs
from birefnet_video.media.light import is_hdr, needs_mapping
from birefnet_video.media.opening import open_input
from birefnet_video.media.probe import probe
from birefnet_video.media.reader import Notify, Reader
from birefnet_video.media.sink import Sink
from birefnet_video.options.backgrounds import VideoFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import Smoothing
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import STDOUT
from birefnet_video.pipeline.composing import Composing
from birefnet_video.pipeline.ordered import cores
from birefnet_video.pipeline.outputs import check_output, make_canvas, open_sink
from birefnet_video.pipeline.part import find_cut, shorten
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.pipeline.runner import Runner, Stage
from birefnet_video.pipeline.stages import Composed, MatteGauge, compose, decode, encode, infer, prepare
from birefnet_video.types import FrameMeta, Matte, MediaInfo, Step

#: Frames a second from which two may fall on one millisecond.
_MOST_IN_MATROSKA = 1000
#: Loads the network for an input; replaced in tests and benchmarks.
OpenBackend = Callable[[BackendSpec, MediaInfo, Notify], MattingBackend]


@dataclass(slots=True)
class Line:
    """Everything that one run holds open."""

    info: MediaInfo
    backend: MattingBackend
    reader: Reader
    writers: list[Sink]
    gauge: MatteGauge
    composing: Callable[[Iterable[list[Matte]]], Iterator[Composed]]
    """The compose stage."""
    smoothing: Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None
    """The stage before it, or ``None`` if mattes stay as they are."""
    flicker: Callable[[], tuple[float, float] | None]
    """Before and after smoothing, so far."""
    tap: PreviewTap
    runner: Runner

    def verify_and_commit(self, *, overwrite: bool) -> None:
        """Check every finished file and give it its final name.

        Args:
            overwrite: replace files of those names.

        Raises:
            VerificationFailed: if one is not what it should be; none gets its final name then.
            OutputRefused: if a name cannot be given; files that have theirs already are complete.
        """
        for writer in self.writers:
            writer.verify(self.gauge.promise(writer, self.info.time_base, self.reader))
        for writer in self.writers:
            writer.commit(overwrite=overwrite)

    def damage(self) -> list[str]:
        """What of the input could not be read."""
        sound = {finding: None for writer in self.writers for finding in writer.sound_damage}
        return [*self.reader.damage, *sound]


def assemble(
    spec: JobSpec,
    notify: Notify,
    open_backend: OpenBackend = open_backend,
    *,
    on_cut: Callable[[FrameMeta], None] = lambda frame: None,
) -> Line:
    """Check the outputs, look into the input, open the files and load the network, in the order of what is cheap.

    Args:
        spec: what to do.
        notify: takes what a user should know.
        open_backend: loads the network.
        on_cut: takes the first frame of every new shot.

    Raises:
        BirefnetVideoError: whatever stands in the way, before any frame is computed; nothing is left behind.
    """
    spec = evolve(spec, outputs=fit_codecs(spec.outputs))
    for output in spec.outputs:
        check_output(spec, output)
    info = probe(spec.source, spec.input.frame_rate, spec.input.limits, spec.input.video_track)
    if info.sequence is not None and spec.input.decode_on != "cpu":
        raise UsageError(f"--decode-on {spec.input.decode_on}: image sequences are decoded on the CPU")
    # The GPU that the network is to run on, if there are several.
    decode_on = (
        spec.backend.device if spec.backend.device.startswith(f"{spec.input.decode_on}:") else spec.input.decode_on
    )
    if decode_on != "cpu":
        open_input(spec.source, spec.input.limits, decode_on).close()
    encodings = [encoding_for(output, hdr=is_hdr(info.colour)) for output in spec.outputs]
    _tell_of_input(info, spec, notify)
    cut = find_cut(spec, info)
    if cut is not None:
        if not cut.drops_before and cut.start:
            notify(f"the clock of the input begins at {float(cut.start):.2f} s: the outputs begin at 0")
        info = shorten(info, spec, cut)
    canvases = [make_canvas(encoding, info) for encoding in encodings]
    _tell_of_outputs(spec, encodings, canvases, info, notify)
    composing = Composing(spec, canvases, info, tap := PreviewTap(), notify)
    with _discarded_on_error() as writers:
        for output, encoding, canvas in zip(spec.outputs, encodings, canvases, strict=True):
            writers.append(open_sink(spec, output, encoding, canvas, info, cut, notify))
        notify(Step(f"loading the network {spec.backend.model}"))
        backend = open_backend(spec.backend, info, notify)
        try:
            compositor = composing.on(backend.info.device)
        except BaseException:
            backend.close()
            raise
    reader = Reader(info, notify, cut, with_alpha=spec.input.input_alpha == "multiply", decode_on=decode_on)
    gauge = MatteGauge(keeps_means=spec.writing.verify == "full")
    # A video behind the subject moves on with the frames.
    in_order = any(isinstance(output.background, VideoFile) for output in spec.outputs)
    # Threads that wait for a GPU need no core, and two of them leave it no time to wait.
    at_least = 2 if backend.info.device.startswith("cuda") else 1
    workers = 1 if in_order else max(at_least, _workers())
    composing_stage = partial(compose, compositor=compositor, gauge=gauge, workers=workers)
    smoothing, flicker = _smoothing(spec.matte.smooth, info, backend, on_cut, notify)
    runner = Runner(_stages(info, backend, reader, smoothing, composing_stage, writers))
    return Line(info, backend, reader, writers, gauge, composing_stage, smoothing, flicker, tap, runner)


@contextmanager
def _discarded_on_error() -> Iterator[list[Sink]]:
    writers: list[Sink] = []
    try:
        yield writers
    except BaseException:
        for writer in writers:
            # What cannot be removed must not hide why it was to be.
            with suppress(OSError):
                writer.discard()
        raise


def _smoothing(
    mode: Smoothing,
    info: MediaInfo,
    backend: MattingBackend,
    on_cut: Callable[[FrameMeta], None],
    notify: Notify,
) -> tuple[Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None, Callable[[], tuple[float, float] | None]]:
    if mode == "off":
        return None, lambda: None
    # Brings torch along, which nothing before the network needs.
    from birefnet_video.pipeline.smoothing import SmoothingRecord, smooth

    record = SmoothingRecord(lambda frame: on_cut(frame.meta), notify)
    device = backend.info.device if backend.info.device.startswith("cuda") else "cpu"
    shape = (info.width, info.height)
    # Several at once would let frames wait for each other.
    workers = 1 if mode == "live" else _workers()
    return partial(smooth, shape=shape, mode=mode, record=record, device=device, workers=workers), record.flicker


def _stages(
    info: MediaInfo,
    backend: MattingBackend,
    reader: Reader,
    smoothing: Callable[[Iterable[list[Matte]]], Iterator[list[Matte]]] | None,
    composing: Callable[[Iterable[list[Matte]]], Iterator[Composed]],
    writers: list[Sink],
) -> list[Stage]:
    size, batch = backend.info.input_size, backend.info.batch_size
    frames = QUEUE_BATCHES * batch
    return [
        Stage("decode", lambda _: decode(reader), frames),
        Stage("prepare", partial(prepare, info=info, size=size, batch_size=batch, workers=_workers()), QUEUE_BATCHES),
        Stage("infer", partial(infer, backend=backend), QUEUE_BATCHES),
        *([Stage("smooth", smoothing, frames)] if smoothing is not None else []),
        Stage("compose", composing, frames),
        Stage("encode", partial(encode, writers=writers)),
    ]


def _workers() -> int:
    """Threads of a stage that can have several: few machines have cores that nobody else needs."""
    return max(1, min(cores() // CORES_A_WORKER, MOST_WORKERS))


def _tell_of_input(info: MediaInfo, spec: JobSpec, notify: Notify) -> None:
    if info.sequence is not None and spec.input.frame_rate is None:
        notify(f"pictures have no times: {info.sequence.rate} a second assumed (--frame-rate says otherwise)")
    if info.sequence is None and spec.input.frame_rate is not None:
        raise UsageError("--frame-rate: only image sequences need one; a video's own times are kept")
    for note in info.notes:
        notify(note)
    if info.sequence is not None and not info.sequence.is_counted:
        notify("the numbers of the pictures are too large to count them: they only say the order")
    if is_hdr(info.colour):
        notify("the input is HDR: the network sees it tone-mapped, the outputs keep its colours and tags")
    if needs_mapping(info.colour) and any(output.path == STDOUT for output in spec.outputs):
        notify("-: raw RGBA is converted to sRGB")


def _tell_of_outputs(
    spec: JobSpec, encodings: list[Encoding], canvases: list[Canvas], info: MediaInfo, notify: Notify
) -> None:
    """What the containers and codecs cannot hold of the input."""
    for output, encoding, canvas in zip(spec.outputs, encodings, canvases, strict=True):
        if output.kind != "mask" and canvas.bits < info.bit_depth:
            notify(f"{output.path}: holds {canvas.bits} bits a sample, the input {info.bit_depth}")
        if info.frame_rate > _MOST_IN_MATROSKA and encoding.container in ("matroska", "webm"):
            notify(
                f"{output.path}: counts milliseconds: frames that are closer are moved apart; .mov and .mp4 are exact"
            )
        if info.sample_aspect_ratio != 1 and encoding.container in ("image2", "apng", "rawvideo"):
            shape = f"{info.sample_aspect_ratio.numerator}:{info.sample_aspect_ratio.denominator}"
            notify(f"{output.path}: pixels are {shape} and not square, which programs may not see")
    if any(encoding.needs_even_sides for encoding in encodings) and (info.width % 2 or info.height % 2):
        notify(
            f"{info.width}x{info.height} has an odd side, which 4:2:0 cannot hold: the result is "
            f"{even(info.width)}x{even(info.height)}, the last line repeated"
        )
