"""Training pictures for `tiny`: labelled photographs, and cut-outs composited on backgrounds on the fly.

Sample ``i`` depends on the seed and on ``i`` alone, so any number of workers gives the same training.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

#: Value of a trimap's unknown band, and what lies within it.
_UNKNOWN = (64, 191)
#: Side and number of the pictures of a batch: about a million pixels each.
_SIZES = ((224, 21), (256, 16), (256, 16), (288, 12), (384, 7))
#: Longer side in pixels at which backgrounds are kept in memory.
_BACKGROUND_SIDE = 512
#: Share of the frame that a pasted subject's longer side takes.
_PASTE_SCALE = (0.15, 1.05)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, its alpha and where that alpha is known."""

    rgb: np.ndarray
    """uint8 (H, W, 3)."""
    alpha: np.ndarray
    """uint8 (H, W)."""
    known: np.ndarray
    """uint8 (H, W), 255 where ``alpha`` counts."""


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of labelled pictures."""

    pictures: tuple[tuple[Path, Path | None], ...]
    """Picture and label; without a label the picture's own alpha channel is it."""
    share: float
    """Relative frequency among the labelled samples."""
    is_trimap: bool = False
    cuttable: bool = True
    """Its subjects may be cut out and pasted elsewhere."""

    def read(self, rng: np.random.Generator) -> Sample:
        """A random picture of the folder."""
        picture, label = self.pictures[rng.integers(len(self.pictures))]
        if label is None:
            rgba = cv2.cvtColor(cv2.imread(str(picture), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
            return Sample(rgba[..., :3], rgba[..., 3], np.full(rgba.shape[:2], 255, np.uint8))
        rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
        alpha = cv2.imread(str(label), cv2.IMREAD_GRAYSCALE)
        if alpha.shape != rgb.shape[:2]:
            alpha = cv2.resize(alpha, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        known = np.full(alpha.shape, 255, np.uint8)
        if self.is_trimap:
            band = (alpha >= _UNKNOWN[0]) & (alpha <= _UNKNOWN[1])
            known[band] = 0
            alpha = np.where(alpha > _UNKNOWN[1], 255, 0).astype(np.uint8)
        return Sample(rgb, alpha, known)


class Pictures:
    """All sources, and how a training batch is drawn from them."""

    def __init__(
        self, sources: list[Source], cutouts: list[Source], backgrounds: list[Path], steps: int, seed: int
    ) -> None:
        """
        Args:
            sources: labelled photographs.
            cutouts: subjects to paste, besides the cuttable ones of ``sources``.
            backgrounds: pictures without a subject.
            steps: number of batches.
            seed: of everything random here.
        """
        self.sources = sources
        self.cutouts = [source for source in sources if source.cuttable] + cutouts
        self.backgrounds = [_read_background(path) for path in backgrounds]
        self.steps = steps
        self.seed = seed

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Batch ``step``: rgb uint8 (N, H, W, 3), alpha and known uint8 (N, H, W)."""
        rng = np.random.default_rng((self.seed, step))
        side, count = _SIZES[rng.integers(len(_SIZES))]
        samples = [self._draw(rng, side) for _ in range(count)]
        return tuple(np.stack([getattr(s, name) for s in samples]) for name in ("rgb", "alpha", "known"))  # type: ignore[return-value]

    def _draw(self, rng: np.random.Generator, side: int) -> Sample:
        kind = rng.random()
        if kind < 0.34:
            sample = self._composite(rng, side)
        else:
            shares = np.array([source.share for source in self.sources])
            source = self.sources[rng.choice(len(self.sources), p=shares / shares.sum())]
            sample = _crop(source.read(rng), rng, side)
        if rng.random() < 0.5:
            sample = Sample(*(np.ascontiguousarray(part[:, ::-1]) for part in (sample.rgb, sample.alpha, sample.known)))
        return Sample(_shift_colours(sample.rgb, rng), sample.alpha, sample.known)

    def _composite(self, rng: np.random.Generator, side: int) -> Sample:
        """Nought to three subjects on a background, at sizes down to a seventh of the frame."""
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        empty = np.zeros(background.shape[:2], np.uint8)
        frame = _crop(Sample(background, empty, empty), rng, side)
        rgb, alpha = frame.rgb.copy(), frame.alpha.copy()
        subjects = rng.choice(4, p=(0.06, 0.68, 0.18, 0.08))
        for _ in range(subjects):
            source = self.cutouts[rng.integers(len(self.cutouts))]
            _paste(rgb, alpha, source.read(rng), rng)
        return Sample(rgb, alpha, np.full(alpha.shape, 255, np.uint8))


def _read_background(path: Path) -> np.ndarray:
    """uint8 (H, W, 3) RGB, made smaller."""
    bgr = cv2.imread(str(path))
    scale = min(1.0, _BACKGROUND_SIDE / max(bgr.shape[:2]))
    return cv2.cvtColor(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def _crop(sample: Sample, rng: np.random.Generator, side: int) -> Sample:
    """The whole picture or a part of it, squeezed into a square as at inference."""
    height, width = sample.alpha.shape
    top, left, bottom, right = 0, 0, height, width
    if rng.random() < 0.5:
        bottom = int(height * rng.uniform(0.55, 1.0))
        right = int(width * rng.uniform(0.55, 1.0))
        top, left = int(rng.uniform(0, height - bottom + 1)), int(rng.uniform(0, width - right + 1))
        bottom, right = top + bottom, left + right
    parts = (part[top:bottom, left:right] for part in (sample.rgb, sample.alpha, sample.known))
    method = cv2.INTER_AREA if min(height, width) > side else cv2.INTER_LINEAR
    return Sample(*(cv2.resize(part, (side, side), interpolation=method) for part in parts))


def _paste(rgb: np.ndarray, alpha: np.ndarray, subject: Sample, rng: np.random.Generator) -> None:
    """Blend a subject into a frame, in place."""
    matte = np.where(subject.known > 127, subject.alpha, 0).astype(np.uint8)
    columns, rows = np.flatnonzero(matte.max(axis=0) > 127), np.flatnonzero(matte.max(axis=1) > 127)
    if len(columns) < 8 or len(rows) < 8:
        return
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    picture, matte = subject.rgb[cut], matte[cut]
    side = alpha.shape[0]
    scale = side * rng.uniform(*_PASTE_SCALE) / max(matte.shape)
    stretch = rng.uniform(0.8, 1.25)
    size = (max(int(matte.shape[1] * scale * stretch), 6), max(int(matte.shape[0] * scale), 6))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = _shift_colours(cv2.resize(picture, size, interpolation=method), rng, gentle=True)
    matte = cv2.resize(matte, size, interpolation=method)
    x = int(rng.uniform(-0.15 * size[0], side - 0.85 * size[0]))
    y = int(rng.uniform(-0.15 * size[1], side - 0.85 * size[1]))
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + size[1], side), min(x + size[0], side)
    if bottom <= top or right <= left:
        return
    place, part = np.s_[top:bottom, left:right], np.s_[top - y : bottom - y, left - x : right - x]
    share = matte[part].astype(np.float32) / 255
    rgb[place] = (picture[part] * share[..., None] + rgb[place] * (1 - share[..., None])).astype(np.uint8)
    alpha[place] = np.maximum(alpha[place], matte[part])


def _shift_colours(rgb: np.ndarray, rng: np.random.Generator, *, gentle: bool = False) -> np.ndarray:
    """Brightness, contrast, gamma, saturation and tint; unless gentle also blur, noise and JPEG artefacts."""
    strength = 0.5 if gentle else 1.0
    level = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.2 * strength))
    level = (level - 0.5) * (1 + rng.normal(0, 0.15 * strength)) + 0.5 + rng.normal(0, 0.06 * strength)
    x = level.astype(np.float32)[rgb]
    grey = x.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.04 else 1 + rng.normal(0, 0.25 * strength)
    x = grey + (x - grey) * np.float32(saturation) + rng.normal(0, 0.02 * strength, 3).astype(np.float32)
    if not gentle and rng.random() < 0.12:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 1.6))
    if not gentle and rng.random() < 0.15:
        x = x + rng.standard_normal(x.shape, np.float32) * np.float32(rng.uniform(0.01, 0.05))
    out = (x.clip(0, 1) * 255).astype(np.uint8)
    if not gentle and rng.random() < 0.2:
        coded = cv2.imencode(".jpg", out, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))))[1]
        out = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return out
