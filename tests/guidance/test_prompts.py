"""What a user says of subjects: as text, as data and in files."""

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birefnet_video.errors import UsageError
from birefnet_video.options.guidance import GuidanceSpec, read_prompts, write_prompts
from birefnet_video.options.prompts import (
    SUBJECT,
    Box,
    Largest,
    Length,
    MaskPicture,
    Point,
    Prompt,
    box_of_prompt,
    parse_prompt,
)

LENGTHS = st.builds(Length, st.integers(0, 4000).map(float), st.booleans())
TIMES = st.none() | st.integers(0, 10**6).map(lambda ms: Fraction(ms, 1000))
NAMES = st.sampled_from([SUBJECT, "anna", "the left one", "B2"])
COMMON = {"time": TIMES, "subject": NAMES, "excluded": st.booleans()}
PROMPTS: st.SearchStrategy[Prompt] = st.one_of(
    st.builds(Point, at=st.tuples(LENGTHS, LENGTHS), **COMMON),
    st.builds(Box, box=st.tuples(LENGTHS, LENGTHS, *[LENGTHS.filter(lambda each: each.amount > 0)] * 2), **COMMON),
    st.builds(MaskPicture, path=st.sampled_from([Path("a.png"), Path("b c/d=e.png")]), **COMMON),
    st.builds(Largest, **COMMON),
)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("point=640,360", Point(at=(640, 360))),
        ("point=50%,33.3%", Point(at=("50%", "33.3%"))),
        ("12.4:point=1,2", Point(at=(1, 2), time=12.4)),
        ("1:02.5:box=1,2,3,4", Box(box=(1, 2, 3, 4), time="62.5")),
        ("anna:1:00:00:box=10%,2,30%,4", Box(box=("10%", 2, "30%", 4), time=3600, subject="anna")),
        ("anna:mask=first.png", MaskPicture(path="first.png", subject="anna")),
        ("auto", Largest()),
        ("not:bob:3:point=1,2", Point(at=(1, 2), subject="bob", time=3, excluded=True)),
    ],
)
def test_text_means(text: str, prompt: Prompt) -> None:
    assert parse_prompt(text) == prompt


@given(PROMPTS)
def test_text_of_a_prompt_means_it(prompt: Prompt) -> None:
    assert parse_prompt(str(prompt)) == prompt


@pytest.mark.parametrize(
    "text",
    [
        *("", "point", "point=1", "point=1,2,3", "box=1,2,3", "box=1,2,0,4", "box=a,b,c,d", "mask=", "auto=1"),
        *("dot=1,2", "9a:point=1,2", "soon:later:point=1,2", "point=1e3,2", "-1:point=1,2"),
    ],
)
def test_what_is_no_prompt_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--subject"):
        parse_prompt(text)


@given(st.text(max_size=40))
def test_any_text_is_a_prompt_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_prompt(str(parse_prompt(text))) == parse_prompt(text)


def test_options_take_text_data_and_several() -> None:
    spec = GuidanceSpec(subject="5:point=1,2; anna:point=3,4", exclude=[Point(at=(5, 6)), "point=7,8"])
    assert [str(prompt) for prompt in spec.prompts()] == [
        "anna:point=3,4",
        "not:point=5,6",
        "not:point=7,8",
        "5:point=1,2",
    ]
    assert GuidanceSpec().prompts() == () and not GuidanceSpec().is_guided
    with pytest.raises(UsageError, match="--not: needs --subject"):
        GuidanceSpec(exclude="point=1,2").prompts()


def test_a_file_of_subjects_is_read_as_written(tmp_path: Path) -> None:
    said = (Point(at=("50%", 2), time="1:02.5", subject="anna"), Point(at=(1, 2), excluded=True), Largest())
    write_prompts(tmp_path / "s.json", said)
    assert read_prompts(tmp_path / "s.json") == said
    write_prompts(tmp_path / "m.json", [MaskPicture(path="first.png")])
    assert read_prompts(tmp_path / "m.json") == (MaskPicture(path=tmp_path / "first.png"),)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", "nonsense", '{"version": 1}', json.dumps({"version": 2, "prompts": []})),
        *(json.dumps({"version": 1, "prompts": [1]}), json.dumps({"version": 1, "prompts": ["dot=1"]})),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(UsageError, match="--subjects"):
        GuidanceSpec(subjects=tmp_path / "s.json").prompts()


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--subjects: .*No such file"):
        GuidanceSpec(subjects=tmp_path / "s.json").prompts()


def test_places_are_shares_of_the_upright_picture() -> None:
    assert box_of_prompt(Point(at=(320, "50%")), (640, 360)) == (0.5, 0.5, 0.5, 0.5)
    assert box_of_prompt(Box(box=("10%", 36, 64, "20%")), (640, 360)) == pytest.approx((0.1, 0.1, 0.2, 0.3))
    assert box_of_prompt(Largest(), (640, 360)) is None
