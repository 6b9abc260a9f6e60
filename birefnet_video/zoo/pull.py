"""A known network's weights from the hub or a mirror to this machine, and never a wrong or half file."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from birefnet_video._version import __version__
from birefnet_video.errors import CheckpointError, UsageError, first_line
from birefnet_video.words import meant
from birefnet_video.zoo.download import Offline, Progress, Remote, Unreachable, download, explained, refused_by_disk
from birefnet_video.zoo.files import find_weights, hub_folder, mirrored_path, missing_weights, sha256_of
from birefnet_video.zoo.known import KnownModel, Source

#: The only host that a token is sent to.
_HUB_HOST = "huggingface.co"
_NEWEST = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a fetched file is to lie."""

    remote: Remote
    digest: str | None
    """SHA-256 that it must have, if anybody knows one."""
    is_pinned: bool
    """Whether the digest is ours, and not only what the server says."""
    blob: Path
    link: Path | None
    """Points to the blob, as the hub's own programs expect."""

    @property
    def partial(self) -> Path:
        """What is not finished yet."""
        return self.blob.with_name(f"{self.blob.name}.incomplete")


class Pulled(NamedTuple):
    """A file that is here."""

    path: Path
    words: str
    """How it comes to be here."""


def pull(
    row: KnownModel,
    progress: Progress,
    tell: Callable[[str], None],
    *,
    source: str | None = None,
) -> Pulled:
    """Fetch the weights of a known network, unless they are here.

    Args:
        row: which.
        progress: called with bytes that are here and all of them.
        tell: takes what a user should know.
        source: ``None``: the hub, and if it has no answer, mirrors whose file has a known hash; else one by its name.

    Returns:
        the file, and what is known of it.

    Raises:
        UsageError: if there is no such source.
        CheckpointError: if it cannot be had, or is not what it should be; nothing wrong is kept.
        OutputRefused: if it cannot be written.
    """
    found = find_weights(row)
    if found is not None and (source is None or not row.can_be_fetched):
        return Pulled(found, "is here")
    if not row.can_be_fetched:
        raise missing_weights(row)
    failed: CheckpointError | None = None
    for place in _chosen(row, source):
        if isinstance(failed, Unreachable) and place.repository is not None:
            # It would be the same host that is asked.
            continue
        if failed is not None:
            tell(f"{failed.message}; trying {place.name}")
        try:
            return _pull_from(row, place, progress, tell)
        except Offline:
            raise
        except CheckpointError as error:
            failed = failed or error
    assert failed is not None
    raise failed


def _chosen(row: KnownModel, named: str | None) -> list[Source]:
    if named is None:
        # What nobody knows the hash of is only taken by name.
        return [source for source in row.sources if source.is_first or source.sha256 is not None]
    found = next((source for source in row.sources if source.name == named), None)
    if found is None:
        names = [source.name for source in row.sources]
        hint = f"{meant(named, names)}there are: {', '.join(names)}"
        raise UsageError(f"--from: {row.name} is not to be had from {named!r}", hint=hint)
    return [found]


def _pull_from(row: KnownModel, source: Source, progress: Progress, tell: Callable[[str], None]) -> Pulled:
    from filelock import FileLock, Timeout

    try:
        placed = _on_hub(row, source) if source.url is None else _at_address(row, source)
        placed.blob.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{placed.partial}.lock", timeout=0):
            if not _is_whole(placed):
                _fetch(placed, progress)
            _link(placed)
    except Timeout:
        raise CheckpointError(f"{row.name}: another process is fetching it", hint="wait for it") from None
    except OSError as error:
        raise refused_by_disk(row.name, error) from None
    except (ValueError, ImportError) as error:
        # The library looks at addresses, its own and a proxy's, when it is imported and when it is first asked.
        raise CheckpointError(f"{row.name}: {first_line(error)}", hint="look at HF_ENDPOINT and HTTPS_PROXY") from None
    if not placed.is_pinned:
        known = "its hash is what the server says" if placed.digest else "nobody has said what its hash should be"
        tell(f"{row.name}: {known}: none is pinned for it here")
    return Pulled(placed.link or placed.blob, "fetched and verified" if placed.digest else "fetched, not verified")


def _on_hub(row: KnownModel, source: Source) -> Placed:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    repository, file = str(source.repository), str(source.file)
    url = hf_hub_url(repository, file, revision=source.revision or _NEWEST)
    host = urlsplit(url).netloc
    # None: the one that the user has logged in with, if any.
    token = None if url.startswith(f"https://{_HUB_HOST}/") and source.is_first else False
    asked = Remote(what=row.name, url=url)
    with explained(asked, "is this machine online? HF_ENDPOINT names another hub"):
        found = get_hf_file_metadata(url, token=token, library_name="birefnet-video", library_version=__version__)
    etag = found.etag if found.etag and re.fullmatch(r"[0-9a-f]{64}", found.etag) else None
    digest, size = source.sha256, source.bytes
    if digest is not None and etag not in (None, digest):
        raise _wrong(row.name, host, etag, digest)
    if size is not None and found.size not in (None, size):
        raise CheckpointError(f"{row.name}: {host} has a file of {found.size} bytes, and it should be {size}")
    headers = build_hf_headers(
        token=token if found.location.startswith(f"https://{_HUB_HOST}/") else False,
        library_name="birefnet-video",
        library_version=__version__,
    )
    folder = hub_folder(repository)
    commit = found.commit_hash or source.revision or _NEWEST
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", commit):
        # It becomes the name of a folder here.
        raise CheckpointError(f"{row.name}: {host} names no commit", hint="another source: --from")
    name = digest or etag or re.sub(r"[^A-Za-z0-9]", "", found.etag or "") or "unnamed"
    return Placed(
        remote=Remote(what=row.name, url=found.location, headers=headers, size=size or found.size),
        digest=digest or etag,
        is_pinned=digest is not None,
        blob=folder / "blobs" / name,
        link=folder / "snapshots" / commit / file,
    )


def _at_address(row: KnownModel, source: Source) -> Placed:
    return Placed(
        remote=Remote(what=row.name, url=str(source.url), size=source.bytes),
        digest=source.sha256,
        is_pinned=source.sha256 is not None,
        blob=mirrored_path(row, source),
        link=None,
    )


def _is_whole(placed: Placed) -> bool:
    """Whether another program, or this one, has fetched it before. What nobody knows the hash of is fetched anew."""
    return placed.blob.is_file() and placed.digest is not None and sha256_of(placed.blob) == placed.digest


def _fetch(placed: Placed, progress: Progress) -> None:
    remote, partial = placed.remote, placed.partial
    if placed.digest is None:
        # What is there may be of another file.
        partial.unlink(missing_ok=True)
    went_on = download(remote, partial, progress)
    if placed.digest is None:
        _require_weights(remote, partial, placed.link or placed.blob)
    while placed.digest is not None and (found := sha256_of(partial)) != placed.digest:
        partial.unlink()
        if not went_on:
            raise _wrong(remote.what, remote.host, found, placed.digest)
        # What an earlier attempt has left may be what is wrong: once more, from the beginning.
        went_on = download(remote, partial, progress)
    partial.replace(placed.blob)


def _require_weights(remote: Remote, partial: Path, target: Path) -> None:
    """Without a hash: see at least that it is no page of text, and not nothing.

    Raises:
        CheckpointError: if it is; it is removed.
    """
    with partial.open("rb") as file:
        head = file.read(9)
    # A table of tensors behind its length, or an archive or pickle of torch.
    begins = head[8:] == b"{" if target.suffix == ".safetensors" else head[:2] in (b"PK", b"\x80\x02")
    if not begins:
        partial.unlink()
        raise CheckpointError(f"{remote.what}: what {remote.host} sends is no file of weights; it was not kept")


def _wrong(name: str, host: str, found: str | None, digest: str) -> CheckpointError:
    return CheckpointError(
        f"{name}: what {host} has is another file: its SHA-256 is {str(found)[:12]}… and should be {digest[:12]}…; "
        "it was not kept",
        hint="try again, or another source: --from",
    )


def _link(placed: Placed) -> None:
    if placed.link is None or (placed.link.is_symlink() and placed.link.resolve() == placed.blob.resolve()):
        return
    placed.link.parent.mkdir(parents=True, exist_ok=True)
    placed.link.unlink(missing_ok=True)
    up = "../" * len(placed.link.relative_to(placed.blob.parent.parent).parts[:-1])
    try:
        placed.link.symlink_to(f"{up}blobs/{placed.blob.name}")
    except OSError:
        # Where there are no links, the file itself stands there.
        placed.blob.replace(placed.link)
