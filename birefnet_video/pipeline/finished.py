"""Long renders that are done, so that the same command given again does nothing."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.events import JobReport
from birefnet_video.folders import state_folder
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.sequence import list_numbers
from birefnet_video.options.input import is_pattern
from birefnet_video.options.job import JobSpec
from birefnet_video.outputs.encodings import fit_codecs
from birefnet_video.pipeline.job_key import job_key

#: Records that are kept; the oldest make room.
_MOST = 1000


def remember_finished(targets: Sequence[Path], keys: Sequence[Mapping[str, str]], frames: int) -> None:
    """Write down that outputs are done. What cannot be written down is forgotten.

    Args:
        targets: their paths.
        keys: all that the frames of each depend on.
        frames: that each of them has.
    """
    with suppress(OSError, BirefnetVideoError):
        place = _place(targets)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        values = {
            "keys": [_frames_key(key) for key in keys],
            "outputs": [_stamp(path) for path in targets],
            "frames": frames,
        }
        fresh = place.with_name(f"{place.name}.{os.getpid()}")
        fresh.write_text(json.dumps(values), encoding="utf-8")
        fresh.replace(place)
        known = sorted(place.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in known[:-_MOST]:
            path.unlink(missing_ok=True)


def finished_before(spec: JobSpec) -> JobReport | None:
    """The report of a render that has been done already, if its outputs lie there as they were left.

    Whatever is in the way is no reason to fail: the render says it.
    """
    outputs = fit_codecs(spec.outputs)
    targets = [output.path for output in outputs]
    if spec.writing.overwrite or spec.writing.resume == "never":
        return None
    try:
        values = json.loads(_place(targets).read_text(encoding="utf-8"))
        if values["outputs"] != [_stamp(path) for path in targets]:
            return None
        info = probe(spec.source, spec.input.frame_rate, spec.input.limits, spec.input.video_track)
        if values["keys"] != [_frames_key(job_key(spec, info, output)) for output in outputs]:
            return None
        frames = int(values["frames"])
    except (OSError, ValueError, KeyError, TypeError, BirefnetVideoError):
        return None
    names = ", ".join(str(path) for path in targets)
    return JobReport(
        source=str(spec.source),
        outputs=tuple(targets),
        frames=frames,
        seconds=0.0,
        fps=0.0,
        backend="",
        warnings=(f"{names}: finished by an earlier run of the same command: nothing is done (-y renders again)",),
        damage=None,
        stages=(),
        was_done_before=True,
    )


def _frames_key(key: Mapping[str, str]) -> dict[str, str]:
    """All that frames depend on. How long segments are is found anew in each run, where nobody has said it."""
    return {name: value for name, value in key.items() if name != "segment"}


def _place(targets: Sequence[Path]) -> Path:
    """Where it is written down that outputs are done.

    Raises:
        OutputRefused: if the user has no place for that.
    """
    names = "\n".join(str(path.resolve()) for path in targets)
    return state_folder() / "finished" / f"{hashlib.sha256(names.encode()).hexdigest()[:24]}.json"


def _stamp(path: Path) -> list[str | int]:
    """What tells an output from one that was changed.

    Raises:
        OSError: if it is not there.
    """
    files = [path]
    if is_pattern(path) and not path.exists():
        files = [path.parent / (path.name % number) for number in list_numbers(path)]
        if not files:
            raise FileNotFoundError(path)
    stats = [each.stat() for each in files]
    return [
        str(path.resolve()),
        len(files),
        sum(stat.st_size for stat in stats),
        max(stat.st_mtime_ns for stat in stats),
    ]
