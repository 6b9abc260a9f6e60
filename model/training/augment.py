"""Variations of a training sample. All chance comes from the generator that is handed in."""

import cv2
import numpy as np
from birefnet_video.model.training.recipe import AugmentSection
from birefnet_video.model.training.sets import Sample

#: Spread of gamma (as its logarithm), contrast, brightness, saturation and tint at full strength.
_GAMMA, _CONTRAST, _BRIGHTNESS, _SATURATION, _TINT = 0.2, 0.15, 0.06, 0.25, 0.02
#: How often a picture loses its colours altogether.
_GREY = 0.04
#: Spread of a crop's shape, as the logarithm of its aspect.
_ASPECT = 0.2
#: How often a crop keeps all that its shape allows.
_WHOLE = 0.3


def fit(sample: Sample, size: tuple[int, int], settings: AugmentSection, rng: np.random.Generator) -> Sample:
    """Bring a labelled picture to ``size`` (H, W), zoomed out, turned or cropped as the dice fall."""
    if rng.random() < settings.zoom_out:
        sample = _zoom_out(sample, size, settings.zoom_out_most, rng)
    if rng.random() < settings.rotate:
        sample = _rotate(sample, rng.uniform(-settings.rotate_degrees, settings.rotate_degrees))
    return crop(sample, size, settings, rng)


def crop(sample: Sample, size: tuple[int, int], settings: AugmentSection, rng: np.random.Generator) -> Sample:
    """The whole picture, or a part of about the wanted shape, at ``size`` (H, W)."""
    height, width = sample.alpha.shape
    top, left, bottom, right = 0, 0, height, width
    if rng.random() < settings.crop:
        aspect = size[1] / size[0] * np.exp(rng.normal(0, _ASPECT))
        share = 1.0 if rng.random() < _WHOLE else rng.uniform(settings.crop_least, 1.0)
        tall = max(int(share * min(height, width / aspect)), 1)
        wide = min(max(int(tall * aspect), 1), width)
        top, left = int(rng.uniform(0, height - tall + 1)), int(rng.uniform(0, width - wide + 1))
        bottom, right = top + tall, left + wide
    parts = (part[top:bottom, left:right] for part in (sample.rgb, sample.alpha, sample.known))
    method = cv2.INTER_AREA if min(bottom - top, right - left) > min(size) else cv2.INTER_LINEAR
    return Sample(*(cv2.resize(part, size[::-1], interpolation=method) for part in parts))


def finish(sample: Sample, settings: AugmentSection, rng: np.random.Generator) -> Sample:
    """Flip, and change colours, sharpness, noise and coding of the picture."""
    if rng.random() < settings.flip:
        sample = Sample(*(np.ascontiguousarray(part[:, ::-1]) for part in (sample.rgb, sample.alpha, sample.known)))
    rgb = shift_colours(sample.rgb, settings.colour, rng) if settings.colour else sample.rgb
    if rng.random() < settings.blur:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.5, 1.6))
    if rng.random() < settings.noise:
        noise = rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(2.5, 13))
        rgb = (rgb + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < settings.jpeg:
        coded = cv2.imencode(".jpg", rgb, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))))[1]
        rgb = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return Sample(rgb, sample.alpha, sample.known)


def shift_colours(rgb: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """uint8 (H, W, 3) with another brightness, contrast, gamma, saturation and tint."""
    level = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, _GAMMA * strength))
    level = (level - 0.5) * (1 + rng.normal(0, _CONTRAST * strength)) + 0.5 + rng.normal(0, _BRIGHTNESS * strength)
    picture = level.astype(np.float32)[rgb]
    grey = picture.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < _GREY * strength else 1 + rng.normal(0, _SATURATION * strength)
    tint = rng.normal(0, _TINT * strength, 3).astype(np.float32)
    picture = grey + (picture - grey) * np.float32(saturation) + tint
    return (picture.clip(0, 1) * 255).astype(np.uint8)


def shrink(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture made smaller; no side becomes less than a pixel."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def blur_along_motion(
    picture: np.ndarray, matte: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Smear a subject, uint8 (H, W, 3), and its alpha, uint8 (H, W), along a line of up to a sixth of its size."""
    length = max(3, int(max(matte.shape) * rng.uniform(0.03, 0.16)))
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    along = np.array([np.cos(angle), np.sin(angle)]) * middle
    ends = [tuple(round(middle + sign * part) for part in along) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    kernel /= kernel.sum()
    border = (length,) * 4
    opacity = cv2.copyMakeBorder(matte, *border, cv2.BORDER_CONSTANT).astype(np.float32)
    colour = cv2.copyMakeBorder(picture, *border, cv2.BORDER_REPLICATE).astype(np.float32) * opacity[..., None]
    smeared = cv2.filter2D(opacity, -1, kernel)
    colour = cv2.filter2D(colour, -1, kernel) / np.maximum(smeared, 1)[..., None]
    return colour.clip(0, 255).astype(np.uint8), smeared.round().astype(np.uint8)


def _rotate(sample: Sample, degrees: float) -> Sample:
    """Turn about the middle; what comes in from outside is the mirrored picture and unknown."""
    height, width = sample.alpha.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    rgb = cv2.warpAffine(sample.rgb, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    alpha = cv2.warpAffine(sample.alpha, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    known = cv2.warpAffine(sample.known, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT)
    return Sample(rgb, alpha, np.where(known == 255, 255, 0).astype(np.uint8))


def _zoom_out(sample: Sample, size: tuple[int, int], most: float, rng: np.random.Generator) -> Sample:
    """Make a picture smaller within a larger frame: to the sides mirror images fill it, above and below the scene."""
    height, width = sample.alpha.shape
    factor = rng.uniform(1.2, most)
    scale = min(1.0, max(size) / max(height, width) / factor * 1.3)
    small = [shrink(part, scale) for part in (sample.rgb, sample.alpha, sample.known)]
    height, width = small[1].shape
    rows = np.flatnonzero(((small[1] > 5) | (small[2] < 128)).any(axis=1))
    above, below = (int(rows[0]), int(height - 1 - rows[-1])) if len(rows) else (height - 1, height - 1)
    down, right = (int((factor - 1) * side) for side in (height, width))
    top, left = int(rng.integers(down + 1)), int(rng.integers(right + 1))
    border = (min(top, above), min(down - top, below), min(left, width - 1), min(right - left, width - 1))
    return Sample(*(cv2.copyMakeBorder(part, *border, cv2.BORDER_REFLECT_101) for part in small))
