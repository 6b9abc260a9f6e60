"""What was rendered is asked for again, with every option, wherever its paths begin."""

from pathlib import Path

import pytest
from birefnet_video.tui.again import is_guided, values_again
from birefnet_video.tui.form import FormValues
from specs import asked, live_request

from birefnet_video.errors import UsageError
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.store import JobStore

LINES = [
    ("in.mp4", "--alpha", "out.mov", "--subject", "12.4:point=1,2; anna:box=1%,2%,3%,4%", "--not", "point=5,6"),
    ("in.mp4", "--alpha", "out.webm", "--size", "512x288", "-ss", "2", "-to", "9.5", "--no-refine", "-b", "4"),
    ("in.mp4", "--mask", "out.mkv", "--codec", "ffv1", "--quality", "best", "-y", "--smooth", "live"),
    ("in.mp4", "--green", "out.mp4", "--despill", "green", "--no-audio", "--mask-offset", "-2"),
    ("in.mp4", "--composite", "out.mp4", "--background", "blur:9", "--subject", "auto", "--strict-subject"),
    ("in.mp4", "--composite", "out.mp4", "--background", "beach.jpg", "--no-config"),
    ("shot_%04d.png", "--alpha", "out_%05d.png", "--frame-rate", "24000/1001"),
    ("in.mp4", "--foreground", "out.mp4", "--subjects", "s.json"),
    ("in.mp4", "--id-mask", "ids.mkv", "--subject", "anna:point=1,2; ben:box=1%,2%,3%,4%"),
    ("in.mp4", "--id-mask", "ids_%05d.exr", "--subject", "anna:point=1,2"),
]


def record_of(folder: Path, *arguments: str) -> JobRecord:
    return JobStore(folder / "jobs").add(asked(*arguments), folder=folder)


def again(values: FormValues) -> RenderRequest:
    return asked(*values.request().arguments)


@pytest.mark.parametrize("arguments", LINES)
def test_the_form_asks_for_the_same(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    record = record_of(tmp_path, *arguments)
    expected = record.asked()
    assert isinstance(expected, RenderRequest)
    spec, found = expected.spec, again(values_again(record)).spec
    assert found.writing.overwrite
    for name in ("input", "backend", "matte", "colour"):
        assert getattr(found, name) == getattr(spec, name)
    assert found.writing.no_audio == spec.writing.no_audio
    assert (found.source, found.outputs) == (spec.source, spec.outputs)
    assert is_guided(record) is spec.matte.is_guided


def test_paths_begin_where_the_render_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    record = record_of(
        folder,
        *("in.mp4", "--composite", "out.mp4", "--background", "beach.jpg"),
        *("--subject", "mask=first.png; auto", "--subjects", "s.json"),
    )
    spec = again(values_again(record)).spec
    assert spec.source == folder / "in.mp4" and spec.outputs[0].path == folder / "out.mp4"
    assert str(spec.outputs[0].background) == str(folder / "beach.jpg")
    assert str(spec.matte.subject) == f"mask={folder / 'first.png'}; auto" and spec.matte.subjects == folder / "s.json"


def test_what_is_no_render_of_a_file_is_refused(tmp_path: Path) -> None:
    record = JobStore(tmp_path).add(live_request("cam"), folder=tmp_path)
    assert not is_guided(record)
    with pytest.raises(UsageError, match="is no file"):
        values_again(record)
    unreadable = JobStore(tmp_path).add(asked("in.mp4", "--alpha", "out.mov"), folder=tmp_path)
    unreadable.request["version"] = 0
    assert not is_guided(unreadable)
