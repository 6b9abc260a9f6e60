"""Public repositories at one commit, by git: files are listed without their contents, and some of them fetched."""

import hashlib
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whole import whole_folder

#: Where repositories are; git's ``url.<base>.insteadOf`` puts mirrors in its place.
HOST = "https://github.com"
#: A server that does not know the filter says so, and sends everything.
_QUIETLY = ("--quiet", "--no-tags", "--filter=blob:none")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a commit."""

    oid: str
    path: str


def fetch_repository(repository: str, commit: str, folder: Path) -> Path:
    """Fetch one commit, without contents of files, into ``folder/<owner>+<name>``; what is there stays.

    Args:
        repository: ``owner/name``.
        commit: all 40 digits.
        folder: of all repositories.

    Returns:
        The git folder.

    Raises:
        SystemExit: if git cannot fetch it; says what git said.
    """
    target = folder / repository.replace("/", "+")
    if not target.exists():
        print(f"fetching {repository}", flush=True)
        with whole_folder(target) as partial:
            _git(partial, "init", "--quiet", "--bare", ".")
            _git(partial, "config", "remote.origin.url", f"{HOST}/{repository}")
            _git(partial, "fetch", *_QUIETLY, "--depth", "1", "origin", commit)
    return target


def list_blobs(folder: Path, commit: str, pattern: str) -> list[Blob]:
    """Files of a commit in whose path ``pattern`` is found, in git's order."""
    lines = _git(folder, "ls-tree", "-r", "-z", commit).decode().split("\0")
    # Mode, kind and name of the content, then a tab and the path.
    rows = (line.split("\t", 1) for line in lines if line)
    return [Blob(facts.split()[2], path) for facts, path in rows if re.search(pattern, path)]


def listing_digest(blobs: Iterable[Blob]) -> str:
    """16 hexadecimal digits for names and contents of files."""
    text = "".join(f"{blob.oid} {blob.path}\n" for blob in blobs)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_blobs(folder: Path, blobs: Sequence[Blob]) -> Iterator[tuple[Blob, bytes]]:
    """Files with their contents, one after the other; they are fetched in one go.

    Raises:
        SystemExit: if git cannot fetch them; says what git said.
    """
    if not blobs:
        return
    names = "".join(f"{blob.oid}\n" for blob in blobs).encode()
    # Without negotiation: of what is there nothing leads to a file's content.
    plainly = ("-c", "fetch.negotiationAlgorithm=noop")
    _git(folder, *plainly, "fetch", *_QUIETLY, "--no-write-fetch-head", "--stdin", "origin", given=names)
    command = ["git", "-C", str(folder), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for blob in blobs:
            process.stdin.write(f"{blob.oid}\n".encode())
            process.stdin.flush()
            size = int(process.stdout.readline().split()[2])
            content = process.stdout.read(size)
            # A line feed ends each of them.
            process.stdout.read(1)
            yield blob, content


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split()) or f"exit status {done.returncode}"
        raise SystemExit(f"{folder.name}: git {' '.join(arguments)}: {reason}")
    return done.stdout
