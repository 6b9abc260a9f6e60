"""From a job's description to opened files, a loaded network and a wired line of stages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import open_backend
from birefnet_video.defaults import QUEUE_BATCHES
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.matting.backdrop import Canvas, open_backdrop
from birefnet_video.matting.compose import STRAIGHT, even, foreground, grey_matte, over, straight_alpha
from birefnet_video.media.encodings import Encoding, encoding_for, fit_codecs
from birefnet_video.media.light import is_hdr, needs_mapping
from birefnet_video.media.pictures import PictureWriter
from birefnet_video.media.probe import has_awkward_sound, probe
from birefnet_video.media.raw import RawWriter
from birefnet_video.media.reader import Reader
from birefnet_video.media.sequence import could_be, is_pattern, list_numbers
from birefnet_video.media.sink import Sink
from birefnet_video.media.verify import Promise
from birefnet_video.media.writer import PARTIAL_MARK, Writer
from birefnet_video.pipeline.runner import Runner, Stage
from birefnet_video.pipeline.stages import Composed, Composer, MatteGauge, compose, decode, encode, infer, prepare
from birefnet_video.spec import STDOUT, BackendSpec, JobSpec, OutputSpec, PictureFile, VideoFile
from birefnet_video.types import Chapter, Cut, FrameMeta, Matte, MediaInfo

Notify = Callable[[str], None]
#: Loads the network for an input; replaced in tests and benchmarks.
OpenBackend = Callable[[BackendSpec, MediaInfo], MattingBackend]


@dataclass(slots=True)
class Line:
    """Everything that one run holds open."""

    info: MediaInfo
    backend: MattingBackend
    reader: Reader
    writers: list[Sink]
    gauge: MatteGauge
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
            writer.verify(self._promise(writer))
        for writer in self.writers:
            writer.commit(overwrite=overwrite)

    def damage(self) -> list[str]:
        """What of the input could not be read."""
        sound = {finding: None for writer in self.writers for finding in writer.sound_damage}
        return [*self.reader.damage, *sound]

    def _promise(self, writer: Sink) -> Promise:
        assert writer.first_pts is not None and writer.last_pts is not None  # a line without frames ends earlier
        return Promise(
            frames=writer.frames,
            first_pts=writer.first_pts,
            last_pts=writer.last_pts,
            time_base=self.info.time_base,
            audio_tracks=writer.audio_tracks,
            carries_alpha=writer.encoding.carries_alpha,
            telling_frame=self.gauge.telling_frame,
            telling_spread=self.gauge.telling_spread,
            alpha_slack=writer.encoding.alpha_slack,
            full=self.gauge.means is not None,
            mean_alphas=self.gauge.means if writer.encoding.carries_alpha or writer.encoding.is_matte else None,
        )


def assemble(spec: JobSpec, notify: Notify, open_backend: OpenBackend = open_backend) -> Line:
    """Check the outputs, look into the input, open the files and load the network, in the order of what is cheap.

    Raises:
        BirefnetVideoError: whatever stands in the way, before any frame is computed; nothing is left behind.
    """
    spec = replace(spec, outputs=fit_codecs(spec.outputs))
    for output in spec.outputs:
        _check_output(spec, output)
    info = probe(spec.source, spec.frame_rate, spec.limits)
    encodings = [encoding_for(output, hdr=is_hdr(info.colour)) for output in spec.outputs]
    _tell_of_input(info, spec, notify)
    cut = _cut(spec, info)
    if cut is not None:
        info = _shortened(info, spec, cut)
        if info.timecode and spec.start_s:
            notify(f"the timecode {info.timecode} is that of the input's first frame: left out")
            info = replace(info, timecode=None)
    canvases = [_canvas(encoding, info) for encoding in encodings]
    for output, canvas in zip(spec.outputs, canvases, strict=True):
        if output.kind != "mask" and canvas.bits < info.bit_depth:
            notify(f"{output.path}: holds {canvas.bits} bits a sample, the input {info.bit_depth}")
    composers = [_composer(output, canvas, info) for output, canvas in zip(spec.outputs, canvases, strict=True)]
    writers: list[Sink] = []
    try:
        for output, encoding, canvas in zip(spec.outputs, encodings, canvases, strict=True):
            writers.append(_open_writer(spec, output, encoding, canvas, info, cut, notify))
        backend = open_backend(spec.backend, info)
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    if any(encoding.needs_even_sides for encoding in encodings) and (info.width % 2 or info.height % 2):
        notify(
            f"{info.width}x{info.height} has an odd side, which 4:2:0 cannot hold: the result is "
            f"{even(info.width)}x{even(info.height)}, the last line repeated"
        )
    with_own_alpha = info.has_alpha and spec.input_alpha == "multiply"
    reader = Reader(info, notify, cut, with_alpha=with_own_alpha)
    gauge = MatteGauge(keeps_means=spec.full_verification)
    composing = partial(compose, info=info, composers=composers, gauge=gauge, with_own_alpha=with_own_alpha)
    runner = Runner(_stages(info, backend, reader, composing, writers))
    return Line(info, backend, reader, writers, gauge, runner)


def _stages(
    info: MediaInfo,
    backend: MattingBackend,
    reader: Reader,
    composing: Callable[[Iterable[list[Matte]]], Iterator[Composed]],
    writers: list[Sink],
) -> list[Stage]:
    size, batch = backend.info.input_size, backend.info.batch_size
    frames = QUEUE_BATCHES * batch
    return [
        Stage("decode", lambda _: decode(reader), frames),
        Stage("prepare", partial(prepare, info=info, size=size, batch_size=batch), QUEUE_BATCHES),
        Stage("infer", partial(infer, backend=backend), QUEUE_BATCHES),
        Stage("compose", composing, frames),
        Stage("encode", partial(encode, writers=writers)),
    ]


def _cut(spec: JobSpec, info: MediaInfo) -> Cut | None:
    """The part of the input's clock that is wanted, or ``None`` for all of it.

    Raises:
        UsageError: if the input ends before it begins.
    """
    if not spec.start_s and spec.duration_s is None:
        return None
    if info.duration_s is not None and spec.start_s >= info.duration_s:
        raise UsageError(f"-ss: {float(spec.start_s):g} s, but {spec.source} lasts {info.duration_s:.2f} s")
    start = info.start + spec.start_s
    return Cut(start, None if spec.duration_s is None else start + spec.duration_s)


def _shortened(info: MediaInfo, spec: JobSpec, cut: Cut) -> MediaInfo:
    """What is known of the input, for the part alone."""
    info = replace(
        info,
        starts_before_zero=False,
        chapters=_chapters_within(info, cut),
        has_awkward_sound=info.has_awkward_sound or (info.audio_tracks > 0 and has_awkward_sound(Path(info.path), cut)),
    )
    if info.duration_s is None:
        return info
    rest = info.duration_s - float(spec.start_s)
    duration = rest if spec.duration_s is None else min(rest, float(spec.duration_s))
    frames = max(1, round(duration * info.frame_rate))
    return replace(info, duration_s=duration, frame_count=frames)


def _chapters_within(info: MediaInfo, cut: Cut) -> tuple[Chapter, ...]:
    """The parts of the chapters that lie within ``cut``, on the clock of what is written."""
    kept = []
    for chapter in info.chapters:
        start = max(chapter.start, cut.start)
        end = chapter.end if cut.end is None else min(chapter.end, cut.end)
        if start < end:
            kept.append(replace(chapter, start=start - cut.start, end=end - cut.start))
    return tuple(kept)


def _tell_of_input(info: MediaInfo, spec: JobSpec, notify: Notify) -> None:
    if info.sequence is not None and spec.frame_rate is None:
        notify(f"pictures have no times: {info.sequence.rate} a second assumed (--frame-rate says otherwise)")
    if info.sequence is None and spec.frame_rate is not None:
        raise UsageError("--frame-rate: only image sequences need one; a video's own times are kept")
    if info.has_alpha and spec.input_alpha == "multiply":
        notify("the input has alpha of its own: mattes are multiplied by it (--input-alpha ignore leaves it out)")
    if is_hdr(info.colour):
        notify("the input is HDR: the network sees it tone-mapped, the outputs keep its colours and tags")
    if needs_mapping(info.colour) and any(output.path == STDOUT for output in spec.outputs):
        notify("-: raw RGBA is converted to sRGB")


def _canvas(encoding: Encoding, info: MediaInfo) -> Canvas:
    # Eight bits are too few for other colours than sRGB's.
    as_deep = needs_mapping(info.colour) and encoding.container in ("image2", "apng")
    pixel_format = encoding.pixel_format(16 if as_deep else info.bit_depth)
    width, height = info.width, info.height
    if encoding.needs_even_sides:
        width, height = even(width), even(height)
    full_range = encoding.full_range or (encoding.follows_source_range and info.colour.full_range)
    return Canvas(width, height, pixel_format, full_range)


def _composer(output: OutputSpec, canvas: Canvas, info: MediaInfo) -> Composer:
    if output.kind == "mask":
        return lambda frame, alpha: grey_matte(alpha, canvas.pixel_format)
    if output.kind == "alpha":
        straight = STRAIGHT.get(canvas.pixel_format, straight_alpha)
        return lambda frame, alpha: straight(frame.picture, alpha, info, canvas.pixel_format)
    if output.kind == "foreground":
        return lambda frame, alpha: foreground(frame.picture, alpha, info, canvas)
    return partial(over, info=info, canvas=canvas, backdrop=open_backdrop(output.background, info, canvas))


def _check_output(spec: JobSpec, output: OutputSpec) -> None:
    """What can be said about an output before anything is opened.

    Raises:
        OutputRefused: if its container cannot carry it, it exists, its folder does not, or it is the input.
    """
    encoding = encoding_for(output)
    path: Path = output.path
    if path == STDOUT:
        return
    if PARTIAL_MARK in path.stem:
        raise OutputRefused(f"{path}: names with {PARTIAL_MARK} are for files that are not finished")
    try:
        if path.exists() and spec.source.exists() and path.samefile(spec.source):
            raise OutputRefused(f"{path}: is the input itself")
        for other in spec.outputs:
            behind = other.background
            if isinstance(behind, PictureFile | VideoFile) and _is_same(path, behind.path):
                raise OutputRefused(f"{path}: is the background itself")
        if path.is_dir():
            raise OutputRefused(f"{path}: is a folder")
        if not spec.overwrite and (path.exists() or path.is_symlink()):
            raise OutputRefused(f"{path}: exists already", hint="-y overwrites it")
        if encoding.container == "image2":
            _check_pictures(spec, path)
        if path.exists() and not path.is_file():
            raise OutputRefused(f"{path}: is no regular file")
        if not path.parent.is_dir():
            raise OutputRefused(f"{path}: the folder {path.parent} does not exist")
    except OSError as error:
        raise OutputRefused(f"{path}: cannot be written: {error.strerror}") from None


def _numbering(info: MediaInfo, cut: Cut | None) -> Callable[[FrameMeta], int]:
    """Pictures keep the numbers of the sequence they come from; those of a video are counted from 1."""
    if info.sequence is None:
        return lambda meta: meta.index + 1
    first = info.sequence.numbers[0] + (cut.shift(info.time_base) if cut is not None else 0)
    return lambda meta: first + meta.pts


def _check_pictures(spec: JobSpec, path: Path) -> None:
    if not path.parent.is_dir():
        return
    inputs = [spec.source]
    if is_pattern(spec.source) and not spec.source.exists() and spec.source.parent.is_dir():
        inputs = [spec.source.parent / (spec.source.name % number) for number in list_numbers(spec.source)]
    if any(could_be(path, picture) for picture in inputs):
        raise OutputRefused(f"{path}: is the input itself")
    for other in spec.outputs:
        behind = other.background
        if isinstance(behind, PictureFile | VideoFile) and could_be(path, behind.path):
            raise OutputRefused(f"{path}: is the background itself")
    if not spec.overwrite and (numbers := list_numbers(path)):
        raise OutputRefused(f"{path.parent / (path.name % numbers[0])}: exists already", hint="-y overwrites it")


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _open_writer(
    spec: JobSpec,
    output: OutputSpec,
    encoding: Encoding,
    canvas: Canvas,
    info: MediaInfo,
    cut: Cut | None,
    notify: Notify,
) -> Sink:
    if output.path == STDOUT:
        return RawWriter(encoding)
    size = (canvas.width, canvas.height)
    if encoding.container == "image2":
        return PictureWriter(
            *(output.path, encoding, info),
            pixel_format=canvas.pixel_format,
            size=size,
            number_of=_numbering(info, cut),
            notify=notify,
        )
    return Writer(
        output.path,
        encoding,
        info,
        pixel_format=canvas.pixel_format,
        size=size,
        with_sound=spec.with_sound and encoding.holds_sound,
        notify=notify,
        cut=cut,
    )
