"""The functions that a Python program calls: one video, one picture."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from birefnet_video.events import JobReport
from birefnet_video.jobs import Job
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.keywords import GuidedStillOptions, LookOptions, RenderOptions, StillOptions, part_of, takes
from birefnet_video.options.matte import EditSpec, Smoothing
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.values import check_choice

if TYPE_CHECKING:
    import numpy as np

    from birefnet_video.pipeline.assemble import OpenBackend
    from birefnet_video.pipeline.look import LookedAt
    from birefnet_video.pipeline.stills import StillMatting


@takes(RenderOptions)
def matte_video(source: str | Path, options: RenderOptions) -> JobReport:
    """Cut the subject out of a video. Any set of outputs; with none, ``<stem>.alpha.mov`` beside the input.

    Args:
        source: video file, or image sequence such as ``shot_%04d.png``.
        options: as of the command line, each a keyword. Paths and times may be text; ``size`` may be a number, or
            (height, width).

    Returns:
        what was done. ``report.damage`` is not ``None`` if part of the input could not be read.

    Raises:
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    return rendered(options.job(Path(source)))


def rendered(spec: JobSpec, open_backend: "OpenBackend | None" = None) -> JobReport:
    """Carry out a render, and end it if the caller is interrupted while it waits.

    Args:
        spec: what to do.
        open_backend: loads the network; ``None``: the registry's.

    Raises:
        BirefnetVideoError: if it fails.
    """
    job = Job(spec, open_backend=open_backend)
    job.start()
    try:
        return job.result()
    except KeyboardInterrupt:
        job.cancel()
        job.wait()
        raise


@takes(LookOptions)
def look(source: str | Path, options: LookOptions) -> Iterator["LookedAt"]:
    """A few frames of a render, each as the render would make it. No file is written.

    Only what lies around them is decoded. The network is loaded once and let go at the end.

    Args:
        source: video file, or image sequence such as ``shot_%04d.png``.
        options: as of :func:`matte_video`, each a keyword; ``times`` says where to look. Of outputs only composites
            count, for their backgrounds; files of those names may exist.

    Yields:
        one a time: ``source`` uint8 (H, W, 3) sRGB, tone-mapped if it is HDR; ``alpha`` float32 (H, W) in [0, 1];
        ``result`` uint8 (H, W, 4) straight RGBA; ``composites``; ``time_s`` of the frame, in seconds of the input.

    Raises:
        UsageError: if a time is none, or lies outside of what is rendered.
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    from birefnet_video.pipeline.look import Looking

    looking = Looking(options.job(Path(source)), lambda message: None)
    yield from looking.frames(looking.times(options.moments))


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

    from birefnet_video.matting.device_tensor import at_home
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
    yield from (at_home(alpha) for _, alpha in steady_alphas(checked(), lambda pair: pair, (width, height), mode))


@takes(GuidedStillOptions)
def matte_image(rgb: "np.ndarray", options: GuidedStillOptions) -> "np.ndarray":
    """The matte of one picture, as a render with ``smooth="off"`` would make it of a frame.

    The network stays loaded for the next call with the same options; :func:`matte_images` lets it go at its end.

    Args:
        rgb: uint8 (H, W, 3) RGB.
        options: as of :func:`matte_video`, each a keyword. int8 needs pictures for calibration here.

    Returns:
        alpha float32 (H, W) in [0, 1].

    Raises:
        ValueError: if ``rgb`` has another shape or type.
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    return _kept_open(options.opened).alpha(rgb, part_of(options, GuidanceSpec))


@takes(GuidedStillOptions)
def matte_images(pictures: Iterable["np.ndarray"], options: GuidedStillOptions) -> Iterator["np.ndarray"]:
    """The mattes of pictures of any sizes, one after another, by a network that is loaded once.

    Args:
        pictures: uint8 (H, W, 3) RGB each.
        options: as of :func:`matte_image`.

    Yields:
        alpha float32 (H, W) in [0, 1], one a picture.

    Raises:
        ValueError: if a picture has another shape or type.
        BirefnetVideoError: see :mod:`birefnet_video.errors`.
    """
    matting, guidance = _open_stills(options.opened), part_of(options, GuidanceSpec)
    try:
        for rgb in pictures:
            yield matting.alpha(rgb, guidance)
    finally:
        matting.close()


def _open_stills(options: StillOptions) -> "StillMatting":
    from birefnet_video.pipeline.stills import StillMatting

    return StillMatting(part_of(options, NetworkSpec), part_of(options, EditSpec), detail=options.detail)


@lru_cache(maxsize=1)
def _kept_open(options: StillOptions) -> "StillMatting":
    return _open_stills(options)
