"""Cut-outs pasted on backgrounds, on the fly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from birefnet_video.model.training.augment import blur_along_motion, crop, shift_colours, shrink
from birefnet_video.model.training.bodies import draw_bodies
from birefnet_video.model.training.recipe import AugmentSection, DataSection
from birefnet_video.model.training.sets import PictureSet, Sample, excluded, find_set
from birefnet_video.model.training.stones import lay_stones

from birefnet_video.errors import UsageError
from birefnet_video.pictures.files import list_pictures, read_rgb

#: A pasted subject's longer side over the frame's mean side, least and greatest.
_SCALE = (0.12, 1.05)
#: How often one, two or three subjects are pasted on a background that is not left empty.
_COUNTS = (0.72, 0.2, 0.08)
#: How often a composite shows a group, and the least and greatest number of its members.
_GROUP, _MEMBERS = 0.2, (2, 6)
#: How often a background is the part of a photograph beside its subject, and how often one is looked for.
_PLACE, _PLACE_TRIES = 0.5, 4
#: Least side in pixels of such a part.
_LEAST_PLACE = 90
#: Least side in pixels of a subject's outline in its own picture, and where it is pasted.
_LEAST_OUTLINE, _LEAST_PASTED = 8, 6
#: Longer side in pixels at which backgrounds are read.
_BACKGROUND_SIDE = 640


@dataclass(frozen=True, slots=True)
class Composites:
    """Where subjects and backgrounds come from."""

    cutouts: Sequence[tuple[PictureSet, float]]
    """Subjects and their relative frequency."""
    groups: Sequence[tuple[PictureSet, float]]
    places: Sequence[PictureSet]
    backgrounds: Sequence[Path]
    empty: float
    """Share of composites without a subject."""
    stones: float = 0.0
    """Share of composites with stones behind the subjects, and as many with some before them."""
    bodies: float = 0.0
    """Share of composites that are a made-up body in a plain field instead."""

    def draw(self, size: tuple[int, int], settings: AugmentSection, rng: np.random.Generator) -> Sample:
        """Nought to three subjects, or a group, on a background, at ``size`` (H, W).

        Raises:
            PictureError: if a picture that the dice chose is broken.
        """
        # Without any nothing is drawn by lot: runs of older recipes go on as they would have.
        if self.bodies and rng.random() < self.bodies:
            rgb, alpha = draw_bodies(size, rng)
            return Sample(rgb, alpha, np.full(alpha.shape, 255, np.uint8))
        background = self._background(rng)
        nothing = np.zeros(background.shape[:2], np.uint8)
        frame = crop(Sample(background, nothing, nothing), size, settings, rng)
        rgb, alpha = frame.rgb.copy(), frame.alpha.copy()
        known = np.full(alpha.shape, 255, np.uint8)
        self._lay_stones(rgb, alpha, rng)
        if rng.random() < self.empty:
            return Sample(rgb, alpha, known)
        self._paste_subjects(rgb, alpha, settings, rng)
        self._lay_stones(rgb, alpha, rng)
        return Sample(rgb, alpha, known)

    def _lay_stones(self, rgb: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> None:
        if self.stones and rng.random() < self.stones:
            lay_stones(rgb, alpha, rng)

    def _paste_subjects(
        self, rgb: np.ndarray, alpha: np.ndarray, settings: AugmentSection, rng: np.random.Generator
    ) -> None:
        if self.groups and rng.random() < _GROUP:
            ground, scale = rng.uniform(0.6, 1.05), rng.uniform(0.3, 0.85)
            group = _pick(self.groups, rng)
            for _ in range(rng.integers(_MEMBERS[0], _MEMBERS[1] + 1)):
                where = ground + rng.normal(0, 0.02)
                paste(rgb, alpha, _read(group, rng), settings, rng, scale * rng.uniform(0.85, 1.1), where)
        else:
            for _ in range(1 + rng.choice(len(_COUNTS), p=_COUNTS)):
                # Uniform in the logarithm: as many subjects of an eighth to a quarter of the frame as of half to all.
                scale = float(np.exp(rng.uniform(*np.log(_SCALE))))
                paste(rgb, alpha, _read(_pick(self.cutouts, rng), rng), settings, rng, scale)

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, 3): a picture without a subject, or what lies beside the subject of another one."""
        if self.places and (not self.backgrounds or rng.random() < _PLACE):
            for _ in range(_PLACE_TRIES):
                place = _beside(_read(self.places[int(rng.integers(len(self.places)))], rng), rng)
                if place is not None:
                    return place
        if not self.backgrounds:
            return np.full((64, 64, 3), rng.integers(0, 256, 3), np.uint8)
        picture = read_rgb(self.backgrounds[int(rng.integers(len(self.backgrounds)))])
        return shrink(picture, min(1.0, _BACKGROUND_SIDE / max(picture.shape[:2])))


def find_composites(data: DataSection) -> Composites | None:
    """What ``data`` names for composites, or ``None`` if it wants none.

    Raises:
        PictureError: if a named folder is missing or empty.
        UsageError: if there is nothing to paste, or a group is no cut-out.
    """
    if not data.composites:
        return None
    if not data.cutouts or min(data.cutouts.values()) < 0 or not sum(data.cutouts.values()):
        raise UsageError("data.composites: data.cutouts names nothing to paste")
    unknown = [name for name in data.groups if name not in data.cutouts]
    if unknown:
        raise UsageError(f"data.groups: {unknown[0]} is not among data.cutouts")
    root = Path(data.root)
    cutouts = {name: find_set(root, name) for name in data.cutouts}
    backgrounds: list[Path] = []
    for name in data.backgrounds:
        folder = root / name / "im" if (root / name / "im").is_dir() else root / name
        left_out = excluded(root / name)
        backgrounds += [path for stem, path in list_pictures(folder).items() if stem not in left_out]
    return Composites(
        cutouts=[(cutouts[name], share) for name, share in data.cutouts.items()],
        groups=[(cutouts[name], data.cutouts[name]) for name in data.groups],
        places=[cutouts.get(name) or find_set(root, name) for name in data.places],
        backgrounds=backgrounds,
        empty=data.empty,
        stones=data.stones,
        bodies=data.bodies,
    )


def paste(
    rgb: np.ndarray,
    alpha: np.ndarray,
    subject: Sample,
    settings: AugmentSection,
    rng: np.random.Generator,
    share: float,
    ground: float | None = None,
) -> None:
    """Blend a subject into a frame, in place.

    Args:
        rgb: the frame, uint8 (H, W, 3).
        alpha: its matte so far, uint8 (H, W).
        subject: with its own alpha; unknown pixels stay behind.
        settings: of the whole run.
        rng: source of chance.
        share: longer side of the subject over the mean side of the frame.
        ground: where its lower edge stands, over the frame's height; anywhere if ``None``.
    """
    matte = np.where(subject.known > 127, subject.alpha, 0).astype(np.uint8)
    columns, rows = np.flatnonzero(matte.max(axis=0) > 127), np.flatnonzero(matte.max(axis=1) > 127)
    if min(len(columns), len(rows)) < _LEAST_OUTLINE:
        return
    outline = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    picture, matte = subject.rgb[outline], matte[outline]
    height, width = alpha.shape
    scale = (height + width) / 2 * share / max(matte.shape)
    stretch = rng.uniform(0.8, 1.25)
    size = (
        max(int(matte.shape[1] * scale * stretch), _LEAST_PASTED),
        max(int(matte.shape[0] * scale), _LEAST_PASTED),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = shift_colours(cv2.resize(picture, size, interpolation=method), settings.colour / 2, rng)
    matte = cv2.resize(matte, size, interpolation=method)
    if rng.random() < settings.flip:
        picture, matte = picture[:, ::-1], matte[:, ::-1]
    if rng.random() < settings.motion_blur:
        picture, matte = blur_along_motion(np.ascontiguousarray(picture), np.ascontiguousarray(matte), rng)
    x = _position(size[0], width, rng)
    y = _position(size[1], height, rng) if ground is None else int(ground * height - size[1])
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + matte.shape[0], height), min(x + matte.shape[1], width)
    if bottom <= top or right <= left:
        return
    place, part = np.s_[top:bottom, left:right], np.s_[top - y : bottom - y, left - x : right - x]
    opacity = matte[part].astype(np.float32) / 255
    rgb[place] = (picture[part] * opacity[..., None] + rgb[place] * (1 - opacity[..., None])).astype(np.uint8)
    # What lies behind a half transparent edge shows through it: alphas add up as their opacities do.
    alpha[place] = (255 - (255 - alpha[place]) * (1 - opacity)).round().astype(np.uint8)


def _position(length: int, room: int, rng: np.random.Generator) -> int:
    """Where a subject begins: at most about a sixth of it lies outside, or it fills the room."""
    low, high = sorted((-0.15 * length, room - 0.85 * length))
    return int(rng.uniform(low, high))


def _pick(sets: Sequence[tuple[PictureSet, float]], rng: np.random.Generator) -> PictureSet:
    shares = np.array([share for _, share in sets])
    return sets[rng.choice(len(sets), p=shares / shares.sum())][0]


def _read(pictures: PictureSet, rng: np.random.Generator) -> Sample:
    return pictures.pairs[rng.integers(len(pictures.pairs))].read()


def _beside(sample: Sample, rng: np.random.Generator) -> np.ndarray | None:
    """The largest part of a picture left of, right of or above its subject, mirrored to a handy shape, or ``None``."""
    taken = (sample.alpha > 5) | (sample.known < 128)
    columns, rows = np.flatnonzero(taken.any(axis=0)), np.flatnonzero(taken.any(axis=1))
    if not len(columns):
        return sample.rgb
    parts = (sample.rgb[:, : columns[0]], sample.rgb[:, columns[-1] + 1 :], sample.rgb[: rows[0]])
    part = max(parts, key=lambda piece: min(piece.shape[:2]))
    if min(part.shape[:2]) < _LEAST_PLACE:
        return None
    if part.shape[0] > 1.6 * part.shape[1]:
        if rng.random() < 0.5:
            top = rng.integers(part.shape[0] - part.shape[1] + 1)
            return part[top : top + part.shape[1]]
        return np.hstack([part, part[:, ::-1]])
    return part
