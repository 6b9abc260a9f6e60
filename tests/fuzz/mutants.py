"""Damaged clips, made from sound ones by seed, and what becomes of a job with one of them in a process of its own."""

import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from specs import job_spec
from stubs import PLAIN_MATTE, open_stub

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec

CLIPS = Path(__file__).parents[1] / "data" / "clips"
#: Left out: slow to decode, and no container but a name pattern.
_UNFIT = ("uhd_3840x2160.mp4", "facts.json", "seq_png")
TIMEOUT_S, MEMORY_MB = 20.0, 1000
#: Exit codes that a damaged input may end with: delivered, in part, not usable.
DELIVERED, REFUSED = (0, 5), (65,)
_MARKS = (b"moov", b"trak", b"stbl", b"stts", b"ctts", b"stsz", b"stco", b"elst", b"mdhd", b"avcC", b"hdrl", b"strf")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 1000000)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one mutant ended."""

    name: str
    seconds: float
    memory_mb: float
    code: int | None
    """``None``: killed by a signal or for time."""
    message: str
    finding: str
    """Empty if all is as it should be."""


def clips() -> list[Path]:
    """The sound and the broken clips that mutants are made from."""
    return sorted(path for path in CLIPS.iterdir() if path.name not in _UNFIT and path.stat().st_size)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes of one kind each."""
    for _ in range(rng.integers(1, 4)):
        if not data:
            break
        data = _CHANGES[rng.integers(len(_CHANGES))](bytearray(data), rng)
    return data


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Half of the time near the beginning or an index, where a byte means most."""
    if rng.random() < 0.5:
        marks = [data.find(mark) for mark in _MARKS if mark in data] or [0]
        near = marks[rng.integers(len(marks))] if rng.random() < 0.7 else 0
        return int(min(near + rng.integers(0, 300), len(data) - 1))
    return int(rng.integers(len(data)))


def _flip(data: bytearray, rng: np.random.Generator) -> bytes:
    for _ in range(rng.integers(1, 20)):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _extreme(data: bytearray, rng: np.random.Generator) -> bytes:
    at, value = _place(data, rng), _EXTREMES[rng.integers(len(_EXTREMES))]
    data[at : at + 4] = value.to_bytes(4, "big" if rng.random() < 0.5 else "little")
    return bytes(data)


def _noise(data: bytearray, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 400))
    data[at : at + length] = rng.bytes(len(data[at : at + length]))
    return bytes(data)


def _cut(data: bytearray, rng: np.random.Generator) -> bytes:
    return bytes(data[: int(rng.integers(1, len(data) + 1))])


def _remove(data: bytearray, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 3000))]
    return bytes(data)


def _double(data: bytearray, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 3000))
    return bytes(data[: at + length] + data[at:])


def _zero(data: bytearray, rng: np.random.Generator) -> bytes:
    at, length = _place(data, rng), int(rng.integers(1, 2000))
    data[at : at + length] = bytes(len(data[at : at + length]))
    return bytes(data)


_CHANGES: tuple[Callable[[bytearray, np.random.Generator], bytes], ...] = (
    *(_flip, _flip, _extreme, _extreme, _noise, _cut, _remove, _double, _zero),
)


def run(seed: int, folder: Path) -> Verdict:
    """Make mutant ``seed`` and run a job with it in a process of its own. POSIX only.

    The process is forked: this one must have no other threads, whose locks the child would inherit locked.
    """
    rng = np.random.default_rng(seed)
    sources = clips()
    source = sources[seed % len(sources)]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mutant = folder / f"mutant{source.suffix}"
    mutant.write_bytes(mutate(source.read_bytes(), rng))
    outputs = [OutputSpec("alpha", folder / "out.mov")]
    if seed % 3 == 0:
        outputs += [OutputSpec("composite", folder / "out.mp4"), OutputSpec("mask", folder / "out.mkv")]
    began, inherited_mb = time.monotonic(), _resident_mb()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        # Smoothing would load torch in every child, which takes longer than all the rest.
        _live(job_spec(mutant, tuple(outputs), matte=PLAIN_MATTE), writer)
    os.close(writer)
    message, in_time = _listen(reader, began + TIMEOUT_S)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds, memory_mb = time.monotonic() - began, max(usage.ru_maxrss / 1024 - inherited_mb, 0)
    code = os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
    finals = [output.path.name for output in outputs if output.path.exists()]
    strangers = [
        p.name for p in folder.iterdir() if ".partial" not in p.name and p not in (mutant, *folder.glob("out.*"))
    ]
    finding = (
        f"hangs for more than {TIMEOUT_S:g} s"
        if not in_time
        else f"dies by signal {os.WTERMSIG(status)}"
        if code is None
        else f"ends with {code}"
        if code not in (*DELIVERED, *REFUSED)
        else "ends without a line"
        if not message or "\n" in message
        else f"has given {finals} their final names"
        if code in REFUSED and finals
        else f"has not delivered all: {finals}"
        if code in DELIVERED and len(finals) != len(outputs)
        else f"leaves {strangers}"
        if strangers
        else f"takes {memory_mb:.0f} MB"
        if memory_mb > MEMORY_MB
        else ""
    )
    return Verdict(f"{seed} ({source.name})", seconds, memory_mb, code, message, finding)


def _resident_mb() -> float:
    """Memory of this process, which a child begins with. Elsewhere than on Linux: 0."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20 if statm.exists() else 0.0


def _live(spec: JobSpec, pipe: int) -> None:
    """The child: run the job, say how it ended, and leave without the parent's clean-up."""
    code, message = 1, ""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        # No core files, and an end to memory before the machine has one.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        job = Job(spec, open_backend=open_stub())
        job.start()
        report = job.result()
        code, message = (5, report.damage) if report.damage else (0, "done")
    except BirefnetVideoError as error:
        code, message = error.exit_code, str(error)
    except BaseException as error:  # noqa: BLE001 - the process border: the parent judges it
        message = f"{type(error).__name__}: {error}"
    finally:
        os.write(pipe, message.encode(errors="replace")[:4000])
        os._exit(code)


def _listen(reader: int, until: float) -> tuple[str, bool]:
    """What the child says, and whether it came to its end in time."""
    said = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while (left := until - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0]:
                block = pipe.read(4096)
                if not block:
                    return said.decode(errors="replace"), True
                said += block
    return said.decode(errors="replace"), False


def main() -> None:
    """``PYTHONPATH=tests/support python tests/fuzz/mutants.py FIRST COUNT``: print figures; exit 1 on findings."""
    import tempfile

    first, count = (int(text) for text in sys.argv[1:3])
    slowest = largest = 0.0
    codes: dict[int | None, int] = {}
    findings = 0
    with tempfile.TemporaryDirectory() as name:
        for seed in range(first, first + count):
            verdict = run(seed, Path(name) / "job")
            codes[verdict.code] = codes.get(verdict.code, 0) + 1
            slowest, largest = max(slowest, verdict.seconds), max(largest, verdict.memory_mb)
            if verdict.finding:
                findings += 1
                print(f"{verdict.name}: {verdict.finding}; {verdict.message[:200]}", flush=True)
    codes_text = ", ".join(f"{code}: {number}" for code, number in sorted(codes.items(), key=str))
    print(f"{count} mutants, {findings} findings; exit codes {codes_text}; slowest {slowest:.1f} s, {largest:.0f} MB")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
