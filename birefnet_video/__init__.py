"""Cut any subject out of a video with BiRefNet.

>>> from birefnet_video import matte_video
>>> report = matte_video("in.mp4", alpha="out.mov")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from birefnet_video._version import __version__

if TYPE_CHECKING:
    from birefnet_video.api import look, matte_image, matte_images, matte_video, smooth_alphas
    from birefnet_video.jobs import Job
    from birefnet_video.matting_object import Matting
    from birefnet_video.options.job import JobSpec
    from birefnet_video.options.network import BackendSpec
    from birefnet_video.options.outputs import OutputSpec

_HOME = {
    "look": "api",
    "matte_image": "api",
    "matte_images": "api",
    "matte_video": "api",
    "smooth_alphas": "api",
    "Job": "jobs",
    "Matting": "matting_object",
    "BackendSpec": "options.network",
    "JobSpec": "options.job",
    "OutputSpec": "options.outputs",
}

__all__ = [
    "BackendSpec",
    "Job",
    "JobSpec",
    "Matting",
    "OutputSpec",
    "__version__",
    "look",
    "matte_image",
    "matte_images",
    "matte_video",
    "smooth_alphas",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"birefnet_video.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
