"""The picture of a figure among others, learned by what goes with it."""

import cv2
import numpy as np
import pytest

from birefnet_video.matting.guidance.learning import Watched, learned
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.matting.guidance.template import Template

HEIGHT, WIDTH = 90, 160


def spots(seed: int, height: int, width: int) -> np.ndarray:
    """Large spots, uint8 (h, w, 3)."""
    coarse = np.random.default_rng(seed).integers(20, 235, (height // 4, width // 4, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


def frame(at: int, beside: int) -> Sight:
    """A figure of 40 x 20 pixels that goes before somebody wider, from a column each."""
    rgb, alpha = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    rgb[24:64, beside : beside + 40], alpha[24:64, beside : beside + 40] = spots(2, 40, 40), 1
    rgb[20:60, at : at + 20], alpha[20:60, at : at + 20] = spots(1, 40, 20), 1
    return Sight.of(alpha, rgb)


def half(at: int, beside: int) -> Template:
    """The picture of its left half."""
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[20:60, at : at + 10] = 1
    made = Template.of(matte > 0.5, matte, frame(at, beside).rgb)
    assert made is not None
    return made


def watch(frames: int, *, others: int, apart: float) -> np.ndarray:
    """The picture's mask, where it is in the last frame, after a figure has gone 2 pixels a frame."""
    at, beside = 40, 50
    template: Template = half(at, beside)
    watched: Watched | None = None
    for _ in range(frames):
        template, watched = learned(template, watched, frame(at, beside), apart)
        at, beside = at + 2, beside + others
        template = template.moved(np.array([2, 0], np.float32))
    mask = template.placed(template.mask, (HEIGHT, WIDTH))
    return mask[:, at - 10 : at + 40]


def test_what_goes_with_a_figure_while_others_do_not_is_its() -> None:
    mask = watch(9, others=0, apart=2)
    assert mask[22:58, 12:28].min() > 0.9
    # Of those whom it passes nothing is learned, wherever they show.
    assert mask[22:62, 33:].max() < 0.1 and mask[62:].max() < 0.1


@pytest.mark.parametrize(("frames", "others", "apart"), [(12, 2, 0), (3, 0, 2), (3, -12, 14)])
def test_nothing_is_learned_of_who_goes_along_or_in_no_time(frames: int, others: int, apart: float) -> None:
    """Nobody goes against it; or not far enough; or so far in a frame that it has not been seen often."""
    assert watch(frames, others=others, apart=apart)[22:58, 21:].max() < 0.1


def test_what_is_learned_hangs_together() -> None:
    """What goes along at some distance is somebody else."""
    rgb, alpha = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[20:60, 40:60] = alpha[20:60, 64:68] = 1
    matte = np.where(np.arange(WIDTH) < 60, alpha, 0).astype(np.float32)
    template, watched = Template.of(matte > 0.5, matte, rgb), None
    assert template is not None
    for _ in range(12):
        template, watched = learned(template, watched, Sight.of(alpha, rgb), 2)
    assert template.placed(template.mask, alpha.shape)[:, 62:].max() == 0


def test_nothing_is_learned_of_what_lies_outside_of_the_picture() -> None:
    """Somebody who stands at the border goes on there, but nothing is seen of it."""
    rgb, alpha = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[20:60, :20] = 1
    template, watched = Template.of(alpha > 0.5, alpha, rgb), None
    assert template is not None
    for _ in range(12):
        template, watched = learned(template, watched, Sight.of(alpha, rgb), 2)
    outside = round(-template.corner[1])
    assert outside > 0 and template.mask[:, :outside].max() == 0 and template.mask[20:30, outside + 5].min() == 1


def test_what_was_hidden_is_known_once_it_has_been_seen() -> None:
    seen = half(40, 50).wider(20)
    hidden = np.zeros_like(seen.mask)
    hidden[:, 31:] = 1
    template, watched = Template(seen.rgb, seen.mask, seen.corner, hidden), None
    for at in range(40, 58, 2):
        template, watched = learned(template, watched, frame(at, 50), 2)
        template = template.moved(np.array([2, 0], np.float32))
    assert template.hidden is not None
    unknown = template.placed(template.hidden, (HEIGHT, WIDTH))[22:58, 58:88]
    assert unknown[:, 12:18].max() < 0.1 and unknown[:, 24:].max() > 0.9


def test_mirrored_it_is_learned_as_well() -> None:
    at = 40
    template, watched = learned(half(at, 50), None, frame(at, 50), 2)
    turned = template.mirrored(WIDTH), watched.mirrored()
    seen = frame(at + 2, 50)
    mirror = Sight.of(np.ascontiguousarray(seen.alpha[:, ::-1]), np.ascontiguousarray(seen.rgb[:, ::-1]))
    way = np.array([2, 0], np.float32)
    _, there = learned(template.moved(way), watched, seen, 2)
    _, here = learned(turned[0].moved(-way), turned[1], mirror, 2)
    assert np.abs(here.way[:, ::-1] - there.way).max() < 1e-4
