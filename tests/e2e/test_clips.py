"""Clips with known facts through the whole program, judged by an independent checker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stubs import notices, stub_job

from birefnet_video.events import JobState

CLIPS = Path(__file__).parents[1] / "data" / "clips"
CHECKER = Path(__file__).parents[1] / "reference" / "check_output.py"
FACTS = json.loads((CLIPS / "facts.json").read_text())
CONVERTIBLE = [name for name, fact in FACTS.items() if fact["outcome"] == "ok"]
REFUSED = [name for name, fact in FACTS.items() if fact["outcome"] == "error"]
#: What a user must be told about a clip.
TOLD = {
    "raw_es_nopts.h264": "no timestamps",
    "interlaced_tff.mp4": "interlaced",
    "odd_161x91.mp4": "odd side",
    "resolution_change.ts": "size changes",
    "opus_in_mkv.mkv": "cannot be copied into mov",
    "pq_2020_10bit_hevc.mp4": "HDR",
    "start_offset.ts": "begins at 0.06 s",
    "in_prores4444.mov": "alpha of its own",
    "in_vp9_alpha.webm": "alpha of its own",
    "seq_png/shot_%04d.png": "25 a second assumed",
    "many_streams.mov": "sound track 2 (pcm_s24le) cannot be copied into mp4",
}
#: A check that cannot hold: the stub's matte is brightness, not the known subject.
NOT_FOR_MASKS = "orientation"
#: Sound that a container forces us to encode again.
ENCODED = {("in_vp9_alpha.webm", "alpha"), ("opus_in_mkv.mkv", "alpha"), ("many_streams.mov", "green")}


def check(source: Path, output: Path, kind: str, audio: str) -> None:
    ignore = NOT_FOR_MASKS if kind == "mask" else ""
    command = [sys.executable, str(CHECKER), str(source), str(output), "--kind", kind, "--audio", audio]
    command += ["--facts", str(CLIPS / "facts.json"), "--ignore", ignore]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", CONVERTIBLE)
def test_converts_with_time_sound_geometry_and_colour_kept(name: str, tmp_path: Path) -> None:
    alpha, mask, green = tmp_path / "a.mov", tmp_path / "m.mkv", tmp_path / "g.mp4"
    job, events = stub_job(CLIPS / name, {"alpha": alpha, "mask": mask, "green": green})
    job.start()
    report = job.result()
    assert report.damage is None
    assert sorted(tmp_path.iterdir()) == [alpha, green, mask]
    for path, kind in ((alpha, "alpha"), (green, "green")):
        check(CLIPS / name, path, kind, "transcode" if (name, kind) in ENCODED else "copy")
    check(CLIPS / name, mask, "mask", "none")
    told = TOLD.get(name)
    assert bool(told) == bool(notices(events)), notices(events)
    assert told is None or told in " ".join(notices(events))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_video_is_refused_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    job, _ = stub_job(CLIPS / name, {"alpha": tmp_path / "out.mov"})
    job.start()
    assert job.wait() is JobState.FAILED
    with pytest.raises(Exception, match=name) as caught:
        job.result()
    words = FACTS[name]["message"].replace("not a video file", "not a video").split(" / ")
    assert any(word.split()[-1] in str(caught.value) for word in words), str(caught.value)
    assert caught.value.exit_code == 65  # type: ignore[attr-defined]
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "frames"), [("cut_in_mdat.mp4", 23), ("corrupt_packets.mp4", 40)])
def test_damaged_input_is_delivered_as_far_as_it_goes_and_said(name: str, frames: int, tmp_path: Path) -> None:
    job, events = stub_job(CLIPS / name, {"alpha": tmp_path / "out.mov"})
    job.start()
    report = job.result()
    assert report.frames == frames and report.damage
    assert "damaged" in " ".join(notices(events))
