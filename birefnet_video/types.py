"""Data that crosses a boundary between stages. Light to import: the standard library only."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from birefnet_video.limits import DEFAULT_LIMITS, LARGEST_COUNT, Limits

if TYPE_CHECKING:
    import av
    import numpy as np

    from birefnet_video.matting.device_plane import DevicePlane
    from birefnet_video.matting.device_tensor import DeviceTensor, Gathered

#: In the place of a preview's zoom: a pixel of the frame is one of the picture.
OWN_PIXELS = 0


class Step(str):
    """Something to tell that is going on and takes long: no warning, and nothing to whoever wants to hear warnings."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FrameMeta:
    """A frame's identity in time: exact integers, never seconds as a float."""

    index: int
    """Position in the order of display, from 0."""
    pts: int
    """Presentation time in units of ``time_base``."""
    time_base: Fraction
    """Length of one tick, in seconds."""
    duration: int | None = None
    """How long it is shown, in units of ``time_base``, if the source says so."""
    is_key: bool = field(default=False, compare=False)
    """Its packet is a keyframe of the source: decoding can begin there."""

    @property
    def time_s(self) -> float:
        """Presentation time in seconds, rounded: for messages, not for arithmetic."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class ColourTags:
    """How a picture's numbers mean colours, in the code points of ITU-T H.273 (2: unspecified)."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture, upright only after :attr:`MediaInfo.turn` has been applied. One stage owns it at a time."""

    meta: FrameMeta
    picture: av.VideoFrame

    def __repr__(self) -> str:
        return f"Frame({self.meta.index}, {self.picture.width}x{self.picture.height} {self.picture.format.name})"


@dataclass(frozen=True, slots=True)
class Motion:
    """Optical flow between two neighbouring pictures."""

    forward: np.ndarray
    """float32 (h, w, 2): from the earlier picture to the later one, to the right and down. One vector for ``SPACING``
    pixels of the pictures that it is found in, whose longest side is 480; in those pixels."""
    backward: np.ndarray
    """The same from the later picture to the earlier one."""
    is_cut: bool
    """The pictures belong to two shots."""
    continues: bool
    """What is seen in one is seen in the other: not so at cuts, nor where a fade has ended."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames and the network's view of them."""

    frames: tuple[Frame, ...]
    rgb: np.ndarray | Gathered
    """uint8 (N, h, w, 3), upright, at the network's size."""
    motions: tuple[Motion | None, ...] = ()
    """To each frame from the one before it, ``None`` to the first of all; empty: not looked for yet."""

    def __post_init__(self) -> None:
        if self.rgb.dtype.name != "uint8" or self.rgb.ndim != 4 or len(self.rgb) != len(self.frames):
            raise ValueError(f"rgb is {self.rgb.dtype} {self.rgb.shape} for {len(self.frames)} frames")


@dataclass(frozen=True, slots=True)
class Matte:
    """A frame and its alpha."""

    frame: Frame
    alpha: np.ndarray | DevicePlane
    """float32 (H, W) in [0, 1], upright, at the network's size."""
    view: np.ndarray | DeviceTensor
    """uint8 (H, W, 3): what the network saw."""
    motion: Motion | None = None
    """From the frame before, if it has been looked for."""
    others: tuple[np.ndarray | DevicePlane, ...] = ()
    """The same as ``alpha`` of further subjects, where several have mattes of their own."""

    @property
    def lanes(self) -> tuple[np.ndarray | DevicePlane, ...]:
        """The mattes of all whose are made."""
        return (self.alpha, *self.others)

    def with_lane(self, lane: int, alpha: np.ndarray | DevicePlane) -> Matte:
        """With another one in the place of a matte."""
        first, *others = (alpha if index == lane else each for index, each in enumerate(self.lanes))
        return replace(self, alpha=first, others=tuple(others))


@dataclass(frozen=True, slots=True)
class Cutout:
    """A frame and its alpha at full size: what outputs are made of."""

    frame: Frame
    alpha: np.ndarray
    """float32 (H, W) in [0, 1], upright, at the picture's size."""
    others: tuple[np.ndarray, ...] = ()
    """The same of further subjects, for what shows several apart."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of one frame, or of a part of it, with its alpha."""

    meta: FrameMeta
    rgb: np.ndarray
    """uint8 (H, W, 3), upright, as it is shown."""
    alpha: np.ndarray
    """uint8 (H, W)."""
    sent: np.ndarray | None = None
    """uint8 (H, W, 3): what goes out of a live session, or the first composite that a render writes."""
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Of the frame: left, top, width and height, as shares of its sides."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A display matrix as what to do with pixels: quarter turns counter-clockwise, then a mirror left to right."""

    quarters: int = 0
    mirror: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.quarters % 2 == 1

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Turn (H, W) or (H, W, C); a view where possible."""
        import numpy as np

        turned = np.rot90(pixels, self.quarters)
        return turned[:, ::-1] if self.mirror else turned


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of the input by its own clock, in seconds; ``start`` becomes 0 in what is written."""

    start: Fraction
    end: Fraction | None = None
    drops_before: bool = True
    """What lies before ``start`` is left out; otherwise ``start`` is only where the clock begins."""

    def holds(self, time: Fraction) -> bool:
        """Whether what begins at ``time`` belongs to the part."""
        return (time >= self.start or not self.drops_before) and not self.is_past(time)

    def is_past(self, time: Fraction) -> bool:
        """Whether ``time`` lies behind the part."""
        return self.end is not None and time >= self.end

    def shift(self, time_base: Fraction) -> int:
        """Ticks that are taken from times of ``time_base``."""
        return round(self.start / time_base)


class SoundLength(NamedTuple):
    """How long a sound track should be."""

    seconds: float
    slack_s: float
    """By how much it may differ: encoders begin and end with a part of a packet."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of a film, by its clock, in seconds."""

    start: Fraction
    end: Fraction
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PictureSequence:
    """Numbered pictures in one folder."""

    pattern: str
    """Path with ``%d`` or ``%05d`` in its name."""
    numbers: tuple[int, ...]
    """Of the pictures that can be read, rising."""
    broken: tuple[int, ...]
    """Of files that are empty or cannot be read."""
    rate: Fraction
    """Pictures a second."""

    @property
    def is_counted(self) -> bool:
        """Whether numbers count pictures; such large ones are times, which say the order and no more."""
        return max((*self.numbers[-1:], *self.broken[-1:])) <= LARGEST_COUNT

    @property
    def last_number(self) -> int:
        """Of the last picture that can be read."""
        return self.numbers[-1]

    def tick_of(self, number: int) -> int:
        """When a picture is shown, in pictures after the first."""
        return number - self.numbers[0] if self.is_counted else bisect_left(self.numbers, number)

    def number_at(self, tick: int) -> int:
        """The number that belongs to a tick; the opposite of :meth:`tick_of`."""
        if self.is_counted:
            return self.numbers[0] + tick
        return self.numbers[min(max(tick, 0), len(self.numbers) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What a look into the input tells, before anything is decoded in earnest."""

    path: str
    width: int
    """Of the upright picture, in pixels."""
    height: int
    coded_width: int
    """Of the stored picture, in pixels."""
    coded_height: int
    pixel_format: str
    time_base: Fraction
    frame_rate: Fraction
    """Guessed; for display, encoder hints and missing timestamps only."""
    duration_s: float | None
    frame_count: int | None
    """Estimated from the duration, or ``None``; the truth is known at the end."""
    turn: Turn
    sample_aspect_ratio: Fraction
    """Of the upright picture."""
    colour: ColourTags
    """With an unspecified matrix filled in as the content most likely means it."""
    bit_depth: int
    is_rgb: bool
    audio_tracks: int
    has_awkward_sound: bool
    """A track begins late or never, or is AAC in the framing of MPEG-TS: a fragmenting muxer would wait or refuse."""
    starts_before_zero: bool
    """The first picture's time is negative."""
    start: Fraction = Fraction(0)
    """Where the file's clock begins, in seconds: a player's zero."""
    first_picture: Fraction = Fraction(0)
    """When the first picture is shown, on the file's clock, in seconds."""
    has_own_zero: bool = True
    """Times count from the file's beginning; those of transport and programme streams from anywhere."""
    video_track: int | None = None
    """Number of the track that was asked for, from 1; ``None``: the default one."""
    notes: tuple[str, ...] = ()
    """What a user should know: what was chosen among several, and what is left out."""
    promised_frames: int | None = None
    """Pictures that the container says it shows, where it has a list of them."""
    tags: tuple[tuple[str, str], ...] = ()
    """Title, date, comment and the like."""
    chapters: tuple[Chapter, ...] = ()
    timecode: str | None = None
    """Of the first frame, such as ``01:00:00:00``."""
    subtitle_tracks: int = 0
    has_alpha: bool = False
    """The pictures have alpha of their own."""
    chroma_from_left: bool = False
    """Subsampled chroma lies on luma's even columns, and not between two."""
    limits: Limits = DEFAULT_LIMITS
    """Under which it was accepted."""
    sequence: PictureSequence | None = None
    """Set if the input is one."""
