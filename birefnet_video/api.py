"""The functions that a Python program calls: one video, one picture."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from birefnet_video.events import JobReport
from birefnet_video.jobs import Job
from birefnet_video.options.keywords import RenderOptions, takes
from birefnet_video.options.matte import Smoothing
from birefnet_video.options.network import BackendSpec, NetworkSpec
from birefnet_video.options.values import check_choice

if TYPE_CHECKING:
    import numpy as np


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
    job = Job(options.job(Path(source)))
    job.start()
    return job.result()


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


@takes(NetworkSpec)
def matte_image(rgb: "np.ndarray", network: NetworkSpec) -> "np.ndarray":
    """The matte of one picture.

    Args:
        rgb: uint8 (H, W, 3) RGB.
        network: as of :func:`matte_video`, each option a keyword. int8 needs pictures for calibration here.

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
    # One picture is not worth a long build.
    backend = load_backend(BackendSpec.for_one(network), width, height, frames=1)
    small = resize_antialiased(torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None], backend.info.input_size)
    alpha = check_mattes(backend.infer(small.permute(0, 2, 3, 1).contiguous().numpy()), backend.info)
    backend.close()
    full = torch.nn.functional.interpolate(
        torch.from_numpy(alpha)[None], size=(height, width), mode="bilinear", align_corners=False
    )
    return full[0, 0].numpy()
