"""What becomes of subjects reaches those who watch, and stays in the summary."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_clip
from specs import render_request
from stubs import stub_job

from birefnet_video.events import SubjectNoted
from birefnet_video.renders import wire
from birefnet_video.renders.server import ServedJob
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import RunSummary, summarise
from birefnet_video.renders.watcher import JobView
from birefnet_video.types import FrameMeta

LOST = SubjectNoted(FrameMeta(310, 310, Fraction(1, 25)), "anna", "lost", "not seen any more", 12.4)
FOUND = SubjectNoted(FrameMeta(350, 350, Fraction(1, 25)), "anna", "found", "seen again", 14.0)


def test_a_watcher_is_told_with_the_time(tmp_path: Path) -> None:
    job, _ = stub_job(make_clip(tmp_path / "in.mp4", frames=6), {"mask": tmp_path / "m.mkv"})
    served = ServedJob(job)
    for event in (LOST, FOUND):
        served._note(event)
    sent = json.loads(json.dumps(served.look(0)["lines"]))
    lines = tuple(wire.line_from_json(line) for line in sent)
    assert [(line.level, line.text) for line in lines] == [
        ("note", "subject: 12.40 s: anna: lost: not seen any more"),
        ("info", "subject: 14.00 s: anna: found: seen again"),
    ]
    record = JobStore(tmp_path / "jobs").add(render_request("a", "b"), folder=tmp_path)
    view = JobView(record=record, lines=(wire.LogLine(0.0, "info", "something else"), *lines))
    assert [(noted.frame, noted.time_s, noted.counts) for noted in view.subjects] == [
        *((310, 12.4, True), (350, 14.0, False)),
    ]


def test_a_line_of_an_earlier_version_is_read() -> None:
    assert wire.line_from_json({"at": 1.0, "level": "info", "text": "a"}) == wire.LogLine(1.0, "info", "a")


def test_the_summary_has_them_and_earlier_ones_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = stub_job(make_clip(tmp_path / "in.mp4", frames=6), {"mask": tmp_path / "m.mkv"})
    monkeypatch.setattr(type(job), "subjects", (LOST, FOUND))
    summary = summarise(job, exit_code=0, kept=(), error=None, command="")
    assert [noted.words for noted in summary.subjects] == [LOST.describe(), FOUND.describe()]
    values = json.loads(json.dumps(summary.to_json()))
    assert RunSummary.from_json(values) == summary
    del values["subjects"]
    assert RunSummary.from_json(values).subjects == ()
    record = JobStore(tmp_path / "jobs").add(render_request("a", "b"), folder=tmp_path)
    assert JobView(record=record, summary=summary).subjects == summary.subjects
