"""Who comes out from behind a subject and was never seen before."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from birefnet_video.matting.guidance import anybody
from birefnet_video.matting.guidance.anybody import given_to, place_of_anybody
from birefnet_video.matting.guidance.claims import Claims
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.meeting import split
from birefnet_video.matting.guidance.sight import Carried, Sight

HEIGHT, WIDTH = 90, 160
#: Rows and columns of the subject, of what has come out beside it, and of a crumb of somebody.
SUBJECT, STRIP, CRUMB = np.s_[20:70, 60:84], np.s_[20:70, 84:92], np.s_[30:36, 92:98]
EVERYWHERE = np.s_[0:HEIGHT, 0:WIDTH]


def spots(seed: int) -> np.ndarray:
    """A picture of large spots, uint8 (h, w, 3)."""
    coarse = np.random.default_rng(seed).integers(60, 200, (HEIGHT // 5, WIDTH // 5, 3), np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def plane(*places: tuple[slice, slice]) -> np.ndarray:
    made = np.zeros((HEIGHT, WIDTH), np.float32)
    for place in places:
        made[place] = 1
    return made


def beside_goes() -> Carried:
    """What has come out goes to the left, and all else stays."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    way = np.where(columns >= 84, np.float32(2), np.float32(0))
    return Carried(np.dstack([columns + way, rows]), np.ones((HEIGHT, WIDTH), np.float32))


def met(*, name: str | None = None) -> Claims:
    """A subject to which some of what came out has been given, and a crumb of somebody else, or of one with a name."""
    rgb = spots(1)
    rgb[20:70, 84:98] = spots(2)[20:70, 84:98]
    subject = Figure.new("anna", plane(SUBJECT), Sight.of(plane(SUBJECT), rgb))
    subject = replace(subject, matte=np.maximum(plane(SUBJECT), 0.6 * plane(STRIP)), is_behind=True)
    crumb = Figure.new(name, plane(CRUMB), Sight.of(plane(CRUMB), rgb))
    return Claims.of((subject, crumb), Sight.of(plane(SUBJECT, STRIP, CRUMB), rgb), beside_goes())


def test_what_does_not_fit_a_subject_is_others(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = met()
    part = claims.sight.alpha > 0.5
    (hers, theirs), new = split(claims, [0, 1], part, free=False)
    assert new is None and np.allclose((hers + theirs)[part], 1, atol=1e-5)
    assert hers[SUBJECT].mean() > 0.95 and hers[20:70, 85:90].mean() < 0.2
    monkeypatch.setattr(anybody, "_PLACE", 0.0)
    (before, _), _ = split(claims, [0, 1], part, free=False)
    assert before[20:70, 85:90].mean() > 0.5


def test_among_subjects_alone_there_is_nobody_else() -> None:
    """All of them are named: whoever comes out may be any of them."""
    claims = met(name="ben")
    (hers, his), _ = split(claims, [0, 1], claims.sight.alpha > 0.5, free=False)
    assert hers[20:70, 85:90].mean() > 0.5 and np.allclose((hers + his)[claims.sight.alpha > 0.5], 1, atol=1e-5)


def likely(claims: Claims) -> np.ndarray:
    figure = claims.figures[0]
    assert figure.template is not None
    shows = figure.template.likelihood(claims.sight.rgb, figure.speed, EVERYWHERE)
    return place_of_anybody(claims, {0: shows}, EVERYWHERE)


def test_a_subject_that_is_not_known_has_all_that_moves_with_it() -> None:
    """Its light has changed, it moved too fast to be found, or little is left of it."""
    claims = met()
    assert likely(claims).max() == likely(claims).min() > 0.2
    darker = Sight.of(claims.sight.alpha, claims.sight.rgb // 2)
    assert likely(replace(claims, sight=darker)).max() == 0
    subject = claims.figures[0]
    assert likely(replace(claims, figures=(replace(subject, is_fast=True), claims.figures[1]))).max() == 0
    little = [np.where(np.arange(WIDTH) < 64, claims.priors[0], 0).astype(np.float32), claims.priors[1]]
    assert likely(replace(claims, priors=little)).max() == 0


def test_where_it_is_not_known_what_a_subject_shows_nobody_else_is_expected() -> None:
    claims = met()
    subject = claims.figures[0]
    assert subject.template is not None
    hidden = np.zeros_like(subject.template.mask)
    hidden[:, 20:] = 1
    cut = replace(subject, template=replace(subject.template, hidden=hidden))
    found = likely(replace(claims, figures=(cut, claims.figures[1])))
    assert found[40, 82] == 0 and found[40, 62] > 0.2


def test_shares_of_anybody_go_to_others_as_theirs_are() -> None:
    shares = np.array([0.4, 0.3, 0.1, 0.2, 0.0], np.float32)[:, None, None]
    given = given_to([1, 2], shares.copy(), anybody=3)
    assert given[:, 0, 0] == pytest.approx([0.4, 0.45, 0.15, 0])
    nobody = np.array([0.5, 0.0, 0.5], np.float32)[:, None, None]
    assert given_to([1], nobody, anybody=2)[:, 0, 0] == pytest.approx([0.5, 0.5])
