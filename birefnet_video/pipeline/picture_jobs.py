"""Pictures on their way from file to file."""

from dataclasses import dataclass, field

import numpy as np

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pictures.finding import Found
from birefnet_video.pictures.large import LargePicture
from birefnet_video.pictures.picture import Picture
from birefnet_video.types import Frame, MediaInfo


@dataclass(frozen=True, slots=True)
class PictureJob:
    """A picture, and what is made of it."""

    source: Found
    outputs: tuple[OutputSpec, ...]
    data: bytes | None = None
    """Of the file, if it has been read."""


@dataclass(slots=True)
class Result:
    """How it went with one picture."""

    job: PictureJob
    error: BirefnetVideoError | None = None
    skipped: bool = False
    size: tuple[int, int] | None = None
    """Width and height of the source, upright."""
    pages: int = 0
    notes: list[str] = field(default_factory=list)
    standard_output: bytes | None = None
    """What is to be written there."""


@dataclass(slots=True, eq=False)
class Page:
    """One picture of a file."""

    picture: Picture
    frame: Frame
    info: MediaInfo
    view: np.ndarray
    alpha: np.ndarray | None = None
    """Of the view's size, when that is done."""
    notes: list[str] = field(default_factory=list)
    error: BirefnetVideoError | None = None
    """Why there is no matte."""


@dataclass(slots=True, eq=False)
class Work:
    """All that is held of one job."""

    result: Result
    pages: list[Page] = field(default_factory=list)
    large: LargePicture | None = None
    """What is made in strips."""
