"""What ``probe`` says, and what it only guesses."""

import json
from pathlib import Path

from clips import make_clip
from ready import run


def test_frames_that_nobody_has_counted_are_said_to_be_a_guess(tmp_path: Path) -> None:
    for name, frames, is_counted in (("in.mp4", "8", True), ("in.mkv", "about 8: the file does not say", False)):
        make_clip(tmp_path / name, frames=8)
        said = run("probe", name, folder=tmp_path).stdout.splitlines()
        assert next(line for line in said if line.startswith("frames ")).split(maxsplit=1)[1].startswith(frames)
        facts = json.loads(run("probe", name, "--json", folder=tmp_path).stdout)
        assert (facts["frames"], facts["frames_counted"]) == (8, is_counted)
        assert not any("counted" in line for line in said)
