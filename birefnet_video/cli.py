"""The command line: options to a job, a job's end to an exit code. Heavy modules are imported by the job."""

import os
import signal
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Group, Parameter

from birefnet_video import __version__
from birefnet_video.commands.advice import hinted, usage_error
from birefnet_video.commands.bench import bench
from birefnet_video.commands.evaluate import evaluate
from birefnet_video.commands.export import export
from birefnet_video.commands.jobs import jobs, work
from birefnet_video.commands.probe import probe
from birefnet_video.commands.train import train
from birefnet_video.commands.webcam import LiveRequest, webcam
from birefnet_video.defaults import MAX_PIXELS, MAX_SECONDS
from birefnet_video.errors import BirefnetVideoError, UsageError, explained
from birefnet_video.report import ProgressStyle, final_record, say_json
from birefnet_video.request import RenderRequest, carry_out_live
from birefnet_video.spec import (
    BackendSpec,
    ColourSpec,
    ComposeOn,
    DecodeOn,
    Decontamination,
    Despill,
    EngineName,
    InputAlpha,
    JobSpec,
    MatteSpec,
    OutputSpec,
    Precision,
    Quality,
    Smoothing,
    parse_batch_size,
    parse_rate,
    parse_size,
    parse_time,
)
from birefnet_video.tui.commands import attach
from birefnet_video.tui.commands import tui as tui_command
from birefnet_video.types import Limits
from birefnet_video.words import printable

_HELP = f"""Cut any subject out of a video: alpha, mask or green-screen video out, with exact timing and sound.

Example: birefnet-video in.mp4 --alpha out.mov

Exit codes: 0 done, 2 wrong usage, 3 model missing, 4 device not available, 5 input damaged (delivered in part),
65 no usable video, 66 input missing, 73 output refused, 130 interrupted, 143 terminated, 1 anything else.
Version {__version__}."""

_OUTPUTS = Group("Outputs (any number in one pass)", sort_key=1)
_PART = Group("Input", sort_key=1)
_NETWORK = Group("Network", sort_key=2)
_MATTE = Group("Matte", sort_key=3)
_RUN = Group("Run", sort_key=4)

app = App(
    name="birefnet-video",
    help=_HELP,
    help_format="plaintext",
    version=__version__,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
)
_COMMANDS = Group("Other commands", sort_key=0)
app.command(train, group=_COMMANDS)
app.command(evaluate, name="eval", group=_COMMANDS)
app.command(export, group=_COMMANDS)
app.command(bench, group=_COMMANDS)
app.command(probe, group=_COMMANDS)
app.command(webcam, group=_COMMANDS)
app.command(tui_command, name="tui", group=_COMMANDS)
app.command(attach, group=_COMMANDS)
app.command(jobs, group=_COMMANDS)
app.command(work, show=False)


@app.default
def render(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    alpha: Annotated[Path | None, Parameter(name=["--alpha", "-o"], group=_OUTPUTS)] = None,
    mask: Annotated[Path | None, Parameter(group=_OUTPUTS)] = None,
    green: Annotated[Path | None, Parameter(group=_OUTPUTS)] = None,
    composite: Annotated[Path | None, Parameter(group=_OUTPUTS)] = None,
    foreground: Annotated[Path | None, Parameter(group=_OUTPUTS)] = None,
    background: Annotated[str | None, Parameter(group=_OUTPUTS)] = None,
    codec: Annotated[str | None, Parameter(group=_OUTPUTS)] = None,
    quality: Annotated[Quality, Parameter(group=_OUTPUTS)] = "standard",
    start: Annotated[str | None, Parameter(name=["-ss", "--start"], group=_PART)] = None,
    duration: Annotated[str | None, Parameter(name=["-t", "--duration"], group=_PART)] = None,
    frame_rate: Annotated[str | None, Parameter(group=_PART)] = None,
    video_track: Annotated[int | None, Parameter(group=_PART)] = None,
    input_alpha: Annotated[InputAlpha, Parameter(group=_PART)] = "multiply",
    smooth: Annotated[Smoothing, Parameter(group=_MATTE)] = "normal",
    no_refine: Annotated[bool, Parameter(group=_MATTE, negative=(), show_default=False)] = False,
    threshold: Annotated[float | None, Parameter(group=_MATTE)] = None,
    mask_offset: Annotated[int, Parameter(group=_MATTE)] = 0,
    mask_blur: Annotated[float, Parameter(group=_MATTE)] = 0.0,
    invert: Annotated[bool, Parameter(group=_MATTE, negative=(), show_default=False)] = False,
    decontaminate: Annotated[Decontamination, Parameter(group=_MATTE)] = "fast",
    despill: Annotated[Despill, Parameter(group=_MATTE)] = "off",
    max_pixels: Annotated[int, Parameter(group=_PART)] = MAX_PIXELS,
    max_duration: Annotated[str, Parameter(group=_PART)] = f"{MAX_SECONDS // 3600}:00:00",
    no_audio: Annotated[bool, Parameter(group=_OUTPUTS, negative=(), show_default=False)] = False,
    overwrite: Annotated[
        bool, Parameter(name=["--overwrite", "-y"], group=_OUTPUTS, negative=(), show_default=False)
    ] = False,
    verify: Annotated[Literal["quick", "full"], Parameter(group=_OUTPUTS)] = "quick",
    model: Annotated[str, Parameter(name=["--model", "-m"], group=_NETWORK)] = "tiny",
    size: Annotated[str | None, Parameter(group=_NETWORK)] = None,
    device: Annotated[str, Parameter(group=_NETWORK)] = "auto",
    engine: Annotated[EngineName, Parameter(group=_NETWORK)] = "auto",
    precision: Annotated[Precision, Parameter(group=_NETWORK)] = "auto",
    calibration: Annotated[Path | None, Parameter(group=_NETWORK)] = None,
    batch_size: Annotated[str, Parameter(name=["--batch-size", "-b"], group=_NETWORK)] = "auto",
    compose_on: Annotated[ComposeOn, Parameter(group=_NETWORK)] = "auto",
    decode_on: Annotated[DecodeOn, Parameter(group=_NETWORK)] = "cpu",
    progress: Annotated[ProgressStyle, Parameter(group=_RUN)] = "auto",
    json_lines: Annotated[bool, Parameter(name="--json", group=_RUN, negative=(), show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], group=_RUN, negative=(), show_default=False)] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], group=_RUN, negative=(), show_default=False)] = False,
    tui: Annotated[bool, Parameter(group=_RUN, negative=(), show_default=False)] = False,
    detach: Annotated[bool, Parameter(group=_RUN, negative=(), show_default=False)] = False,
    job: Annotated[str | None, Parameter(show=False)] = None,
) -> RenderRequest:
    """Cut the subject out of INPUT.

    Parameters
    ----------
    source
        Video file, image sequence (shot_%04d.png), or - for standard input. Without an output, INPUT's name with
        .alpha.mov is written beside it.
    alpha
        Write straight alpha: .mov (ProRes 4444), .webm (VP9, for browsers and OBS), .mkv (FFV1, lossless), .apng,
        pictures (dir/a_%05d.png or .exr), or - (raw RGBA on standard output).
    mask
        Write the matte: .mkv (FFV1, lossless), .mp4 or .mov (H.264, full range), or pictures.
    green
        Write the subject over green: .mp4, .mov or .mkv (H.264), .webm (VP9).
    composite
        Write the subject over --background, in the same formats.
    foreground
        Write the subject's own colour, freed from the background's under soft edges; opaque, in the same formats.
    background
        Colour name, #rrggbb, blur, blur:RADIUS, or a picture or video file. Default: green.
    codec
        Of all outputs but alpha: h264, hevc, av1, vp9, ffv1, prores-hq, or h264_nvenc, hevc_nvenc, av1_nvenc.
    quality
        Of all encoders.
    start
        Begin here: seconds, MM:SS or HH:MM:SS, exact to the frame.
    duration
        Take this much.
    frame_rate
        Of an image sequence, such as 24 or 30000/1001. Default: 25.
    video_track
        Number of the video track to take, from 1. Default: the one that is marked as default, or the first.
    input_alpha
        Alpha that the input has already: multiply mattes by it, or ignore it.
    smooth
        Make mattes steady along the motion: normal and high look ahead, live knows only the past, off leaves them.
    no_refine
        Enlarge mattes linearly and not along the picture's edges.
    threshold
        Make mattes hard: all subject from this alpha on, such as 0.5.
    mask_offset
        Grow the subject by so many pixels, or shrink it if negative.
    mask_blur
        Blur mattes by so many pixels (standard deviation).
    invert
        Keep the background and remove the subject.
    decontaminate
        Free soft edges from the old background's colour: fast, best (PyMatting, slow), or off.
    despill
        Take the light of a green or blue screen out of the subject.
    max_pixels
        Refuse larger pictures.
    max_duration
        Refuse longer inputs.
    no_audio
        Leave the sound out.
    overwrite
        Replace outputs that exist.
    verify
        Look into every output before it gets its name: quick, or full (decode it from end to end).
    model
        Name (tiny, lite, general, ...) or path of a .safetensors or .pth file.
    size
        Size of the network's input: N, or WIDTHxHEIGHT; multiples of 32. Default: the model's own.
    device
        auto, cpu, cuda, cuda:N or mps.
    engine
        What runs the network: auto takes the fastest that is there and says why not a faster one; one asked for by
        name is never replaced by another.
    precision
        auto: half where it is fast and does no harm. int8 (OpenVINO) is faster on CPUs and less exact: only by name.
    calibration
        Pictures for int8: a folder of them, or a video. Default: frames of INPUT.
    batch_size
        Frames at once, or auto: what is fastest on the first frames.
    compose_on
        Where edges, colours and outputs are made: cpu, device (the network's), or auto: there, if it is an NVIDIA GPU.
    decode_on
        cpu, or cuda: an NVIDIA GPU's decoder, if it takes the input.
    progress
        How progress is shown.
    json_lines
        One JSON object a line on stdout; the last one is the result.
    quiet
        Say nothing but warnings and errors.
    verbose
        Show where an unexpected error came from.
    tui
        Watch and steer it in a terminal interface. A closed terminal leaves it running.
    detach
        Render in a process apart and return at once; birefnet-video attach shows it.
    job
        The record of this render: set by the program itself.
    """
    from birefnet_video.api import outputs_of

    if background is not None and composite is None:
        raise UsageError("--background needs --composite FILE")
    outputs: tuple[OutputSpec, ...] = outputs_of(
        *(source, alpha, mask, green, composite, foreground, background or "green"), codec=codec, quality=quality
    )
    backend = BackendSpec(
        model=model,
        size=parse_size(size),
        device=device,
        batch_size=parse_batch_size(batch_size),
        engine=engine,
        precision=precision,
        calibration=calibration,
    )
    to_stdout = any(str(output.path) == "-" for output in outputs)
    if to_stdout and (json_lines or progress == "json"):
        raise UsageError("--json and --alpha - both want standard output")
    spec = JobSpec(
        source,
        outputs,
        backend,
        with_sound=not no_audio,
        overwrite=overwrite,
        start_s=parse_time(start, "-ss") if start is not None else Fraction(0),
        duration_s=parse_time(duration, "-t") if duration is not None else None,
        frame_rate=parse_rate(frame_rate) if frame_rate is not None else None,
        video_track=video_track,
        input_alpha=input_alpha,
        matte=MatteSpec(smooth, not no_refine, threshold, mask_offset, mask_blur, invert),
        colour=ColourSpec(decontaminate, despill),
        limits=Limits(max_pixels, float(parse_time(max_duration, "--max-duration"))),
        full_verification=verify == "full",
        compose_on=compose_on,
        decode_on=decode_on,
    )
    style: ProgressStyle = "json" if json_lines else progress
    from_stdin = str(source) == "-"
    if from_stdin and not (alpha or mask or green or composite or foreground):
        raise UsageError("standard input gives no name for the output", hint="for example --alpha out.mov")
    if (tui or detach) and (from_stdin or to_stdout):
        raise UsageError("--tui and --detach render in another process, which does not have this one's pipes")
    return RenderRequest(spec, style, quiet=quiet, verbose=verbose, tui=tui, detach=detach, record_id=job)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``birefnet-video``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # A lone hyphen would be taken for an option; as a path "./-" is the same.
    arguments = ["./-" if argument == "-" else argument for argument in arguments]
    try:
        code = _carry_out(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has enough. Python would complain again when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _carry_out(arguments: list[str]) -> int:
    try:
        code: Any = app(arguments or ["--help"], exit_on_error=False, print_error=False, result_action="return_value")
        if isinstance(code, RenderRequest):
            code = code.carry_out(arguments)
        elif isinstance(code, LiveRequest):
            code = carry_out_live(code, arguments)
    except CycloptsError as error:
        code = _complain(usage_error(error, arguments, [*app]), arguments)
    except BirefnetVideoError as error:
        code = _complain(hinted(error, arguments, [*app]), arguments)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except (MemoryError, OSError, ImportError, RuntimeError) as error:
        known = explained(error)
        if not isinstance(known, BirefnetVideoError):
            raise
        code = _complain(known, arguments)
    return code if isinstance(code, int) else 0


def _complain(error: BirefnetVideoError, arguments: list[str]) -> int:
    """Report what was wrong before there was a job."""
    print(f"birefnet-video: error: {printable(str(error))}", file=sys.stderr)
    if "--job" in arguments[:-1]:
        from birefnet_video.remote.process import refuse
        from birefnet_video.remote.store import JobStore

        refuse(JobStore(), arguments[arguments.index("--job") + 1], error)
    if "--json" in arguments or "json" in arguments:
        say_json(final_record("failed", error.exit_code, None, error))
    return error.exit_code


if __name__ == "__main__":
    main()
