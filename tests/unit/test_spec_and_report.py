"""Data at the edges: what is asked for, and what is said."""

import io
import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specs import job_spec

from birefnet_video import errors
from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.event_words import describe_error
from birefnet_video.events import JobNotice, JobSnapshot, JobState
from birefnet_video.json_lines import JsonReporter
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec, OutputsSpec
from birefnet_video.options.values import parse_size
from birefnet_video.outputs.encodings import encoding_for
from birefnet_video.report import LineReporter
from birefnet_video.types import FrameMeta


@given(st.integers(1, 128), st.integers(1, 128))
def test_sizes_are_read_as_width_by_height(width: int, height: int) -> None:
    assert parse_size(f"{width * 32}x{height * 32}") == (height * 32, width * 32)
    assert parse_size(str(width * 32)) == (width * 32, width * 32)


@given(st.text(max_size=12))
def test_no_text_for_a_size_is_an_unexpected_failure(text: str) -> None:
    try:
        size = parse_size(text)
        BackendSpec(size=size)
    except UsageError as error:
        assert "--size" in str(error)


def test_a_job_without_outputs_or_with_one_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="no output"):
        job_spec(Path("a"), ())
    twice = (OutputSpec("alpha", Path("b.mov")), OutputSpec("composite", Path("./b.mov")))
    with pytest.raises(UsageError, match=r"b\.mov"):
        job_spec(Path("a"), twice)


def test_the_default_output_is_named_after_the_input() -> None:
    (output,) = OutputsSpec().files(Path("x/clip.mp4"))
    assert output == OutputSpec("alpha", Path("x/clip.alpha.mov"))


@pytest.mark.parametrize(
    ("kind", "name"), [("alpha", "a.mp4"), ("alpha", "a"), ("mask", "m.webm"), ("composite", "g.gif")]
)
def test_containers_that_cannot_carry_it_are_refused_with_those_that_can(kind: str, name: str) -> None:
    with pytest.raises(OutputRefused, match=r"use \."):
        encoding_for(OutputSpec(kind, Path(name)))


def test_time_is_exact() -> None:
    meta = FrameMeta(3, 3003, Fraction(1, 30000))
    assert meta.pts * meta.time_base == Fraction(1001, 10000)


def test_every_error_has_the_documented_exit_code() -> None:
    codes = {
        cls.__name__: cls.exit_code
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, BirefnetVideoError)
    }
    tree = [line.lstrip("│├└─ ").split() for line in (errors.__doc__ or "").splitlines() if " exit " in line]
    assert codes == {name: int(code) for name, _, code, *_ in tree}


def snapshot(written: int, elapsed_s: float) -> JobSnapshot:
    return JobSnapshot(
        state=JobState.RUNNING,
        decoded=written + 2,
        written=written,
        total=100,
        elapsed_s=elapsed_s,
        fps=5.0,
        eta_s=(100 - written) / 5,
    )


def test_plain_progress_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    reporter = LineReporter(stream, with_progress=True)
    for written in range(101):
        reporter.on_tick(snapshot(written, written / 5))
    lines = stream.getvalue().splitlines()
    assert 8 <= len(lines) <= 12
    assert lines[0] == "progress 10/100 10% 5.0 fps eta 18s"


def test_json_progress_is_one_object_a_line_and_only_news(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = JsonReporter()
    for written in (0, 1, 1, 2):
        reporter.on_tick(snapshot(written, 1.0))
    reporter.on_event(JobNotice('a "note"'))
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["event"] for record in records] == ["progress", "progress", "notice"]
    assert records[-1]["message"] == 'a "note"'


def test_unexpected_errors_are_one_line_too() -> None:
    assert "\n" not in describe_error(RuntimeError("first\nsecond"))
    assert describe_error(OutputRefused("x", hint="y")) == "x (y)"
