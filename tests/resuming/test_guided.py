"""A render that follows somebody and was cut off, and then the same again: it knows what it knew."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guided import SeesFigures, clip_of, follow, write_beginning
from guided_clips import RATE
from packets import packets
from stubs import notices
from wait import until

from birefnet_video.errors import OutputRefused
from birefnet_video.events import JobEvent, SubjectNoted
from birefnet_video.jobs import Job
from birefnet_video.options.keywords import RenderOptions
from birefnet_video.options.prompts import parse_prompt
from birefnet_video.outputs.segments import folder_of
from birefnet_video.pipeline.correcting import reached_from
from birefnet_video.pipeline.followed_values import followed_from, values_of
from birefnet_video.pipeline.following import Follower
from birefnet_video.types import Batch, Matte

FRAMES = 50
#: Seconds of a segment: 20 frames of these clips.
SEGMENT = 0.8
BOTH = ("a:box=3%,18%,44%,90%", "b:box=53%,18%,44%,90%")


class Planned(Exception):
    """Stands for whatever ends a process."""


class Dying(SeesFigures):
    """Ends the render when it has looked so often, and another part is done."""

    def __init__(self, after: int, batch_size: int, journal: Path) -> None:
        super().__init__(batch_size=batch_size)
        self._left, self._journal = after, journal
        self._parts = self._done()

    def _done(self) -> int:
        return len(self._journal.read_bytes().splitlines()) - 1 if self._journal.is_file() else 0

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        if self.asked + len(rgb) > self._left:
            until(lambda: self._done() > self._parts)
            raise Planned
        return super().infer(rgb)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two who stand apart."""
    return write_beginning("mirror", tmp_path_factory.mktemp("guided") / "in.mkv", FRAMES)


def run(
    source: Path, folder: Path, *, dies_after: int = 1_000_000, batch_size: int = 1, **options: Any
) -> tuple[SeesFigures, list[JobEvent], Callable[[], object]]:
    """A render in short segments: its network, what was told, and what gives its end."""
    folder.mkdir(exist_ok=True)
    options = {"smooth": "normal", "segment": SEGMENT, "mask": folder / "m.mkv", **options}
    network = Dying(dies_after, batch_size, folder_of(folder / "m.mkv") / "journal.jsonl")
    job = Job(RenderOptions(**options).job(source), open_backend=lambda *_: network)
    events: list[JobEvent] = []
    job.subscribe(events.append)
    job.start()
    job.wait()
    return network, events, job.result


def told(events: list[JobEvent]) -> list[str]:
    return [event.describe() for event in events if isinstance(event, SubjectNoted)]


@pytest.mark.parametrize(
    ("options", "batch_size", "cuts"),
    [
        ({"subject": "point=30%,58%"}, 1, (27, 31)),
        ({"subject": ["anna:0.4:point=50%,2%", "1.2:point=75%,58%"], "smooth": "high"}, 4, (116,)),
    ],
)
def test_it_goes_on_as_if_it_had_never_stopped(
    source: Path, tmp_path: Path, options: dict[str, Any], batch_size: int, cuts: tuple[int, ...]
) -> None:
    network, events, result = run(source, tmp_path / "whole", batch_size=batch_size, **options)
    result()
    for cut in cuts:
        *_, failed = run(source, tmp_path / "broken", batch_size=batch_size, dies_after=cut, **options)
        with pytest.raises(Planned):
            failed()
    again, later, ended = run(source, tmp_path / "broken", batch_size=batch_size, **options)
    ended()
    assert packets(tmp_path / "broken" / "m.mkv") == packets(tmp_path / "whole" / "m.mkv")
    assert told(later) == told(events)
    assert again.asked < network.asked
    assert any("goes on from" in line for line in notices(later))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (["0:point=1,1", "2:point=1,1"], None),
        (["point=1,1", "50:point=2,2"], 20),
        (["point=1,1", "40:point=1,1", "50:point=2,2"], 10),
        (["point=1,1", "45:point=3,3", "50:box=1,1,2,2"], 15),
        (["point=3,3"], 0),
    ],
)
def test_other_prompts_say_nothing_of_what_is_before_them(now: list[str], expected: int | None) -> None:
    before = {"subject": json.dumps(["point=1,1"]), "size": "512"}
    key = {**before, "subject": json.dumps(now), **({"size": "1024"} if expected is None else {})}
    assert reached_from(before, key) == expected


def test_a_correction_leaves_the_parts_before_it(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("following", "hindsight", "correcting"):
        monkeypatch.setattr(f"birefnet_video.pipeline.{name}.HINDSIGHT_S", Fraction(1, 5))
    monkeypatch.setattr("birefnet_video.pipeline.correcting._AROUND", 8)
    begun, corrected = {"subject": "point=30%,58%"}, {"subject": ["point=30%,58%", "1.6:point=75%,58%"]}
    _, _, failed = run(source, tmp_path / "broken", dies_after=46, **begun)
    with pytest.raises(Planned):
        failed()
    with pytest.raises(OutputRefused, match="was begun otherwise: subject was"):
        run(source, tmp_path / "broken", subject="point=75%,58%")[2]()
    again, events, ended = run(source, tmp_path / "broken", **corrected)
    ended()
    whole, _, result = run(source, tmp_path / "whole", **corrected)
    result()
    assert packets(tmp_path / "broken" / "m.mkv") == packets(tmp_path / "whole" / "m.mkv")
    assert again.asked < whole.asked
    assert any("made anew from where they reach back to" in line for line in notices(events))


def test_each_of_several_goes_on(source: Path, tmp_path: Path) -> None:
    paths = {"mask": tmp_path / "m_{subject}.mkv", "subject": BOTH, "smooth": "off"}
    run(source, tmp_path, dies_after=60, **paths)
    run(source, tmp_path, **paths)[2]()
    (tmp_path / "whole").mkdir()
    run(source, tmp_path, **{**paths, "mask": tmp_path / "whole" / "m_{subject}.mkv"})[2]()
    for name in ("a", "b"):
        assert packets(tmp_path / f"m_{name}.mkv") == packets(tmp_path / "whole" / f"m_{name}.mkv")


def test_what_is_known_survives_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[Any] = []

    def keeping(follower: Follower, batch: Batch, part: slice, made: Any = Follower._mattes) -> list[Matte]:
        known.append(follower._followed)
        mattes: list[Matte] = made(follower, batch, part)
        return mattes

    monkeypatch.setattr(Follower, "_mattes", keeping)
    clip = clip_of("crossing")
    rows, columns = np.nonzero(clip.subject[0] > 0.5)
    follow(clip, [parse_prompt(f"point={columns.mean():.0f},{rows.mean():.0f}", "--subject")])
    for before in known[:: RATE // 2]:
        values = json.loads(json.dumps(values_of(before)))
        assert json.loads(json.dumps(values_of(followed_from(values)))) == values
