"""What a job will read, leave out and write: found without opening a network or touching the disk beyond probing."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from attrs import evolve

from birefnet_video.colour.transfer import is_hdr, needs_mapping
from birefnet_video.errors import UsageError
from birefnet_video.inputs.probe import probe
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.composite.opencv import even
from birefnet_video.options.backgrounds import VideoFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.network import are_several
from birefnet_video.options.outputs import STDOUT, OutputSpec, lanes_of
from birefnet_video.options.prompts import NOBODY, Prompts
from birefnet_video.options.serial import converter, structured
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.encodings import encoding_for, fit_codecs
from birefnet_video.pipeline.checks import check_output, make_canvas
from birefnet_video.pipeline.ordered import cores
from birefnet_video.pipeline.prompt_checks import check_prompts
from birefnet_video.pipeline.trim import find_cut, shorten
from birefnet_video.types import Cut, MediaInfo

#: Of the form that plans are written in. Others are refused.
VERSION = 1
#: Frames a second from which two may fall on one millisecond.
_MOST_IN_MATROSKA = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutput:
    """One file that will be written."""

    spec: OutputSpec
    encoding: Encoding
    canvas: Canvas
    """Size and format of its frames."""
    with_sound: bool
    notes: tuple[str, ...] = ()
    """What it cannot hold of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A job before anything is opened."""

    spec: JobSpec
    info: MediaInfo
    """Of the part of the input that is taken."""
    cut: Cut | None
    """That part, or ``None`` for all of it."""
    decode_on: str
    """What decodes, the number of a GPU included."""
    outputs: tuple[PlannedOutput, ...]
    notes: tuple[str, ...]
    """What a user should know, of the input and of the outputs."""
    guidance: Prompts = NOBODY
    """Who is to be followed, in the order of time; nobody: all that is salient is kept."""

    @classmethod
    def of(cls, spec: JobSpec, *, to_be_made: Collection[Path] = frozenset()) -> Self:
        """The plan of what is asked for.

        Args:
            spec: what is asked for.
            to_be_made: folders that will be there when it begins.

        Raises:
            InputMissing, NotAVideo: if there is nothing to read.
            OutputRefused: if an output cannot be written.
            UsageError: if something that is asked for does not fit the input.
        """
        spec = evolve(spec, outputs=fit_codecs(spec.outputs))
        info = probe(spec.source, spec.input.frame_rate, spec.input.limits, spec.input.video_track)
        notes = [*_notes_of_input(info, spec)]
        cut = find_cut(spec, info)
        if cut is not None:
            if not cut.drops_before and cut.start:
                notes.append(f"the clock of the input begins at {float(cut.start):.2f} s: the outputs begin at 0")
            info = shorten(info, spec, cut)
        outputs = tuple(plan_output(spec, output, info, to_be_made) for output in spec.outputs)
        notes += [note for output in outputs for note in output.notes]
        notes += _notes_of_sides(outputs, info)
        prompts = spec.matte.prompts()
        check_prompts(prompts, info, spec.input.start)
        return cls(
            spec=spec,
            info=info,
            cut=cut,
            decode_on=_decoder(spec, info),
            outputs=outputs,
            notes=tuple(notes),
            guidance=Prompts(prompts),
        )

    def on(self, device: str) -> "Plan":
        """The same with its network, and what decodes on its device, elsewhere."""
        spec = evolve(self.spec, backend=evolve(self.spec.backend, device=device))
        return replace(self, spec=spec, decode_on=_decoder(spec, self.info))

    @property
    def lanes(self) -> tuple[str | None, ...]:
        """Whose mattes are made, each once; ``None``: everybody's together."""
        return lanes_of(output.spec for output in self.outputs)

    @property
    def in_order(self) -> bool:
        """An output depends on the order in which frames are composed."""
        return any(isinstance(output.spec.background, VideoFile) for output in self.outputs)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with a version."""
        return {"version": VERSION, **converter().unstructure(self)}

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: if it is nothing that this version has written.
        """
        if not isinstance(values, dict) or values.get("version") != VERSION:
            raise ValueError(f"no plan of version {VERSION}")
        return structured({name: value for name, value in values.items() if name != "version"}, cls)

    def lines(self) -> list[str]:
        """In words."""
        info = self.info
        length = f", {info.frame_count} frames" if info.frame_count else ""
        length += f", {info.duration_s:.2f} s" if info.duration_s is not None else ""
        sound = {0: "", 1: ", sound"}.get(info.audio_tracks, f", {info.audio_tracks} sound tracks")
        network, size = self.spec.backend, self.spec.backend.size
        sees = f" at {size[1]}x{size[0]}" if size is not None else ""
        made = [
            f"read    {info.path}: {info.width}x{info.height}, {float(info.frame_rate):.6g} fps{length}, "
            f"{info.pixel_format}{sound}",
            f"matte   {network.model}{sees}, {network.engine} on {network.device}, smoothing {self.spec.matte.smooth}",
        ]
        for output in self.outputs:
            heard = ", sound" if output.with_sound and info.audio_tracks else ""
            encoding, canvas = output.encoding, output.canvas
            made.append(
                f"write   {output.spec.path}: {output.spec.kind}, {encoding.codec} in {encoding.container}, "
                f"{canvas.width}x{canvas.height}, {canvas.pixel_format}{heard}"
            )
        return [*made, *(f"note    {note}" for note in self.notes)]


def plan_output(
    spec: JobSpec, output: OutputSpec, info: MediaInfo, to_be_made: Collection[Path] = frozenset()
) -> PlannedOutput:
    """One output of a job.

    Args:
        spec: of the job.
        output: one of its outputs.
        info: of the part of the input that is taken.
        to_be_made: folders that will be there when it begins.

    Raises:
        OutputRefused: if it cannot be written.
        UsageError: if its codec is none of its container's.
    """
    encoding = encoding_for(output, hdr=is_hdr(info.colour))
    check_output(spec, output, encoding, to_be_made=to_be_made)
    canvas = make_canvas(encoding, info)
    if encoding.codec == "libx264":
        # As many as it takes of itself: wherever a part is made, it is the same.
        rows = max(1, (canvas.height + 15) // 16 // 2)
        encoding = replace(encoding, threads=max(1, min(cores() * 3 // 2, rows)))
    return PlannedOutput(
        spec=output,
        encoding=encoding,
        canvas=canvas,
        with_sound=not spec.writing.no_audio and encoding.holds_sound,
        notes=tuple(_notes_of_output(output, encoding, canvas, info)),
    )


def _decoder(spec: JobSpec, info: MediaInfo) -> str:
    device, decode_on = spec.backend.device, spec.input.decode_on
    if info.sequence is not None and decode_on != "cpu":
        raise UsageError(f"--decode-on {decode_on}: image sequences are decoded on the CPU")
    # The GPU that the network is to run on, if there are several.
    return device if device.startswith(f"{decode_on}:") and not are_several(device) else decode_on


def _notes_of_input(info: MediaInfo, spec: JobSpec) -> list[str]:
    notes: list[str] = []
    rate = spec.input.frame_rate
    if info.sequence is not None and rate is None:
        notes.append(f"pictures have no times: {info.sequence.rate} a second assumed (--frame-rate says otherwise)")
    if info.sequence is None and rate is not None:
        raise UsageError("--frame-rate: only image sequences need one; a video's own times are kept")
    notes += info.notes
    if info.sequence is not None and not info.sequence.is_counted:
        notes.append("the numbers of the pictures are too large to count them: they only say the order")
    if is_hdr(info.colour):
        notes.append("the input is HDR: the network sees it tone-mapped, the outputs keep its colours and tags")
    if needs_mapping(info.colour) and any(output.path == STDOUT for output in spec.outputs):
        notes.append("-: raw RGBA is converted to sRGB")
    return notes


def _notes_of_output(output: OutputSpec, encoding: Encoding, canvas: Canvas, info: MediaInfo) -> list[str]:
    """What the container and the codec cannot hold of the input."""
    notes = []
    if output.kind not in ("mask", "id-mask") and canvas.bits < info.bit_depth:
        notes.append(f"{output.path}: holds {canvas.bits} bits a sample, the input {info.bit_depth}")
    if info.frame_rate > _MOST_IN_MATROSKA and encoding.container in ("matroska", "webm"):
        notes.append(
            f"{output.path}: counts milliseconds: frames that are closer are moved apart; .mov and .mp4 are exact"
        )
    if info.sample_aspect_ratio != 1 and encoding.container in ("image2", "apng", "rawvideo"):
        shape = f"{info.sample_aspect_ratio.numerator}:{info.sample_aspect_ratio.denominator}"
        notes.append(f"{output.path}: pixels are {shape} and not square, which programs may not see")
    return notes


def _notes_of_sides(outputs: tuple[PlannedOutput, ...], info: MediaInfo) -> list[str]:
    is_odd = info.width % 2 or info.height % 2
    if not is_odd or not any(output.encoding.needs_even_sides for output in outputs):
        return []
    return [
        f"{info.width}x{info.height} has an odd side, which 4:2:0 cannot hold: the result is "
        f"{even(info.width)}x{even(info.height)}, the last line repeated"
    ]
