"""The functions that a Python program calls: one video, one picture."""

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from birefnet_video.defaults import MAX_PIXELS, MAX_SECONDS
from birefnet_video.errors import UsageError
from birefnet_video.events import JobReport
from birefnet_video.jobs import Job
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
    check_choice,
    exact_rate,
    parse_background,
)
from birefnet_video.types import Limits

if TYPE_CHECKING:
    import numpy as np


def matte_video(
    source: str | Path,
    *,
    alpha: str | Path | None = None,
    mask: str | Path | None = None,
    green: str | Path | None = None,
    composite: str | Path | None = None,
    foreground: str | Path | None = None,
    background: str = "green",
    codec: str | None = None,
    quality: Quality = "standard",
    model: str = "tiny",
    size: int | tuple[int, int] | None = None,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    calibration: str | Path | None = None,
    batch_size: int | None = None,
    compose_on: ComposeOn = "auto",
    decode_on: DecodeOn = "cpu",
    start: float | Fraction = 0,
    duration: float | Fraction | None = None,
    frame_rate: float | Fraction | None = None,
    video_track: int | None = None,
    input_alpha: InputAlpha = "multiply",
    smooth: Smoothing = "normal",
    refine: bool = True,
    threshold: float | None = None,
    mask_offset: int = 0,
    mask_blur: float = 0.0,
    invert: bool = False,
    decontaminate: Decontamination = "fast",
    despill: Despill = "off",
    max_pixels: int = MAX_PIXELS,
    max_duration: float = MAX_SECONDS,
    no_audio: bool = False,
    overwrite: bool = False,
    verify: Literal["quick", "full"] = "quick",
) -> JobReport:
    """Cut the subject out of a video. Any set of outputs; with none, ``<stem>.alpha.mov`` beside the input.

    Args:
        source: video file, or image sequence such as ``shot_%04d.png``.
        alpha: straight alpha: ``.mov`` ProRes 4444, ``.webm`` VP9, ``.mkv`` FFV1, ``.apng``, or pictures such as
            ``dir/a_%05d.png`` or ``.exr``.
        mask: the matte: ``.mkv`` lossless FFV1, ``.mp4`` or ``.mov`` H.264 of full range, or pictures.
        green: the subject over green: ``.mp4``, ``.mov``, ``.mkv`` H.264, ``.webm`` VP9.
        composite: the same over ``background``.
        foreground: the subject's own colour, freed from the background's under soft edges; opaque.
        background: colour name, ``#rrggbb``, ``blur``, ``blur:<radius>``, or path of a picture or video.
        codec: of every output but alpha, such as ``hevc``; ``None``: the usual one of the extension.
        quality: ``fast``, ``standard`` or ``best``, of every encoder.
        model: name of a known model, or path of a checkpoint.
        size: side of the network's input, or its (height, width); ``None``: the model's own.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:<i>`` or ``mps``.
        engine: ``eager``, ``compile``, ``tensorrt``, ``onnx``, ``openvino``, or ``auto``: the fastest that is there.
        precision: ``fp32``, ``bf16``, ``fp16``, or ``auto``: half where it is fast and does no harm; or ``int8``, which
            OpenVINO has, faster on CPUs and less exact.
        calibration: pictures for int8: a folder of them, or a video; ``None``: frames of the input.
        batch_size: frames at once; ``None``: what is fastest on the first frames.
        compose_on: where edges, colours and outputs are made: ``cpu``, ``device`` (the network's), or ``auto``: there,
            if it is an NVIDIA GPU.
        decode_on: ``cpu``, or ``cuda``: an NVIDIA GPU's decoder, if it takes the input.
        start: where to begin, in seconds.
        duration: how much to take, in seconds; ``None``: to the end.
        frame_rate: of an image sequence; ``None``: 25.
        video_track: number of the video track to take, from 1; ``None``: the default one, or the first.
        input_alpha: ``multiply`` mattes by alpha that the input has already, or ``ignore`` it.
        smooth: make mattes steady along the motion: ``normal`` and ``high`` look ahead, ``live`` knows only the past,
            ``off`` leaves them as they are.
        refine: enlarge mattes along the picture's edges; else linearly.
        threshold: make mattes hard: all subject from this alpha on; ``None``: soft edges stay.
        mask_offset: grow the subject by so many pixels, or shrink it if negative.
        mask_blur: blur mattes by so many pixels (standard deviation).
        invert: keep the background and remove the subject.
        decontaminate: free soft edges from the background's colour: ``fast``, ``best`` (PyMatting, slow) or ``off``.
        despill: ``green`` or ``blue``: take the light of such a screen out of the subject.
        max_pixels: of one picture; larger ones are refused.
        max_duration: in seconds; longer inputs are refused.
        no_audio: leave the sound out.
        overwrite: replace outputs that exist.
        verify: ``full`` decodes every output from end to end before it gets its name.

    Returns:
        what was done. ``report.damage`` is not ``None`` if part of the input could not be read.

    Raises:
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    source = Path(source)
    if verify not in ("quick", "full"):
        raise UsageError(f"verify: {verify!r} is neither quick nor full")
    backend = BackendSpec(
        model=model,
        size=(size, size) if isinstance(size, int) else size,
        device=device,
        batch_size=batch_size,
        engine=engine,
        precision=precision,
        calibration=None if calibration is None else Path(calibration),
    )
    spec = JobSpec(
        source,
        outputs_of(source, alpha, mask, green, composite, foreground, background, codec=codec, quality=quality),
        backend,
        with_sound=not no_audio,
        overwrite=overwrite,
        start_s=Fraction(start),
        duration_s=None if duration is None else Fraction(duration),
        frame_rate=None if frame_rate is None else exact_rate(Fraction(frame_rate)),
        video_track=video_track,
        input_alpha=input_alpha,
        matte=MatteSpec(smooth, refine, threshold, mask_offset, mask_blur, invert),
        colour=ColourSpec(decontaminate, despill),
        limits=Limits(max_pixels, max_duration),
        full_verification=verify == "full",
        compose_on=compose_on,
        decode_on=decode_on,
    )
    job = Job(spec)
    job.start()
    return job.result()


def outputs_of(
    source: Path,
    alpha: str | Path | None = None,
    mask: str | Path | None = None,
    green: str | Path | None = None,
    composite: str | Path | None = None,
    foreground: str | Path | None = None,
    background: str = "green",
    *,
    codec: str | None = None,
    quality: Quality = "standard",
) -> tuple[OutputSpec, ...]:
    """The outputs that were named, or the default one.

    Raises:
        UsageError: if ``background`` is none, or ``codec`` is given and nothing but alpha is named.
    """
    named: list[OutputSpec] = []
    if alpha is not None:
        named.append(OutputSpec("alpha", Path(alpha), quality=quality))
    if mask is not None:
        named.append(OutputSpec("mask", Path(mask), codec=codec, quality=quality))
    if green is not None:
        named.append(OutputSpec("composite", Path(green), codec=codec, quality=quality))
    if composite is not None:
        behind = parse_background(background)
        named.append(OutputSpec("composite", Path(composite), behind, codec=codec, quality=quality))
    if foreground is not None:
        named.append(OutputSpec("foreground", Path(foreground), codec=codec, quality=quality))
    if codec is not None and all(output.kind == "alpha" for output in named):
        raise UsageError("--codec: the codec of alpha follows from its extension", hint="--quality is for all outputs")
    return tuple(named) or (OutputSpec("alpha", _default_output(source), quality=quality),)


def _default_output(source: Path) -> Path:
    """``<stem>.alpha.mov`` beside the input; a sequence's number is left out."""
    stem = re.sub(r"[_\-. ]*%(0\d+)?d", "", source.stem) or "sequence"
    return source.parent / f"{stem}.alpha.mov"


def smooth_alphas(
    frames: Iterable["np.ndarray"], alphas: Iterable["np.ndarray"], mode: Smoothing = "normal"
) -> Iterator["np.ndarray"]:
    """Mattes of a video made steady along the motion of what they show; nothing is carried across a cut.

    Args:
        frames: uint8 (H, W, 3) RGB, in the order of time.
        alphas: float32 (h, w) in [0, 1], one a frame, all of one size, which need not be the frames'.
        mode: ``normal`` (looks 3 frames ahead), ``high`` (4 frames), ``live`` (knows only the past) or ``off``.

    Yields:
        one alpha a frame, float32 (h, w) in [0, 1]. Memory does not grow with the length.

    Raises:
        ValueError: if a frame or an alpha has another shape or type, or there are more of one than of the other.
        UsageError: if ``mode`` is none.
    """
    check_choice("mode", mode, get_args(Smoothing))
    return _smooth_alphas(frames, alphas, mode)


def _smooth_alphas(
    frames: Iterable["np.ndarray"], alphas: Iterable["np.ndarray"], mode: Smoothing
) -> Iterator["np.ndarray"]:
    import numpy as np

    from birefnet_video.pipeline.smoothing import steady_alphas

    pairs = iter(zip(frames, alphas, strict=True))
    first = next(pairs, None)
    if first is None:
        return
    height, width = np.shape(first[0])[:2]
    size = np.shape(first[1])

    def checked() -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
        for rgb, alpha in chain([first], pairs):
            if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
                raise ValueError(f"frames: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
            if alpha.dtype != np.float32 or alpha.ndim != 2 or alpha.shape != size:
                raise ValueError(f"alphas: expected float32 {size}, got {alpha.dtype} {alpha.shape}")
            yield rgb, alpha

    if mode == "off":
        yield from (alpha for _, alpha in checked())
        return
    yield from (alpha for _, alpha in steady_alphas(checked(), lambda pair: pair, (width, height), mode))


def matte_image(
    rgb: "np.ndarray",
    *,
    model: str = "tiny",
    size: int | tuple[int, int] | None = None,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    calibration: str | Path | None = None,
) -> "np.ndarray":
    """The matte of one picture.

    Args:
        rgb: uint8 (H, W, 3) RGB.
        model: name of a known model, or path of a checkpoint.
        size: side of the network's input, or its (height, width); ``None``: the model's own.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:<i>`` or ``mps``.
        engine: as of :func:`matte_video`.
        precision: as of :func:`matte_video`.
        calibration: pictures for int8, which needs some here: a folder of them, or a video.

    Returns:
        alpha float32 (H, W) in [0, 1].

    Raises:
        ValueError: if ``rgb`` has another shape or type.
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    import numpy as np
    import torch

    from birefnet_video.backends.base import check_mattes
    from birefnet_video.backends.registry import load_backend
    from birefnet_video.model.preprocess import resize_antialiased

    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"rgb: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    height, width = rgb.shape[:2]
    sides = (size, size) if isinstance(size, int) else size
    spec = BackendSpec(
        *(model, sides, device, 1, engine, precision),
        one_at_a_time=True,
        calibration=None if calibration is None else Path(calibration),
    )
    # One picture is not worth a long build.
    backend = load_backend(spec, width, height, frames=1)
    small = resize_antialiased(torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None], backend.info.input_size)
    alpha = check_mattes(backend.infer(small.permute(0, 2, 3, 1).contiguous().numpy()), backend.info)
    backend.close()
    full = torch.nn.functional.interpolate(
        torch.from_numpy(alpha)[None], size=(height, width), mode="bilinear", align_corners=False
    )
    return full[0, 0].numpy()
