"""A render whose files lie on another machine: as a plan that reads them from there and writes into a folder here."""

import http.client
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

from attrs import evolve

from birefnet_video.errors import InputMissing, OutputRefused
from birefnet_video.folders import cache_folder
from birefnet_video.inputs.remote import RemoteFile
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.outputs.segments import folder_of, try_path
from birefnet_video.pipeline.job_key import content_key
from birefnet_video.pipeline.plan import Plan, PlannedOutput
from birefnet_video.words import known_as
from birefnet_video.workers.file_server import CRC_HEADER
from birefnet_video.workers.needed import INPUT, OUTPUTS, WEIGHTS, Needed, background_of
from birefnet_video.workers.scratch import Scratch
from birefnet_video.workers.sharing import part_name
from birefnet_video.workers.tasks import Task

#: Seconds that an answer may take, and times that a file is sent.
_PATIENCE_S, _TRIES = 120.0, 3
_CHUNK = 1 << 20


class Elsewhere:
    """What a worker does not see of a render. One thread; closed from any."""

    def __init__(self, url: str, unseen: Sequence[str], needed: Needed) -> None:
        """
        Args:
            url: of who gives it out.
            unseen: groups of files.
            needed: what all of them hold.
        """
        self._url, self._unseen, self._needed = url, frozenset(unseen), needed
        self._scratch = Scratch() if OUTPUTS in unseen else None
        self._names: dict[str, str] = {}
        self._outputs: tuple[PlannedOutput, ...] = ()
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_PATIENCE_S)

    def plan(self, plan: Plan) -> Plan:
        """The plan with places that can be reached from here; small files are fetched.

        Raises:
            InputMissing, OutputRefused: if one cannot be fetched or kept.
        """
        spec, info = plan.spec, plan.info
        if INPUT in self._unseen:
            sequence = info.sequence
            path = f"{self._url}/{INPUT}/{Path(info.path).name}"
            info = replace(info, path=path, sequence=None if sequence is None else replace(sequence, pattern=path))
        if WEIGHTS in self._unseen:
            spec = evolve(spec, backend=evolve(spec.backend, model=str(self._fetched(WEIGHTS))))
        self._outputs = tuple(self._output(number, output) for number, output in enumerate(plan.outputs))
        return replace(plan, spec=spec, info=info, outputs=self._outputs)

    def send(self, task: Task) -> None:
        """Send the files of a segment, which are removed here.

        Raises:
            OutputRefused: if one is not taken.
        """
        if self._scratch is None:
            return
        for number, output in enumerate(self._outputs):
            place = try_path(output.spec.path, task.number, task.attempt)
            files = sorted(place.iterdir()) if place.is_dir() else [place]
            for file in files:
                self._send(file, part_name(number, place, file.name if file != place else ""))
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        # The next one takes a while.
        self._connection.close()

    def close(self) -> None:
        """Remove what is left here."""
        if self._scratch is not None:
            self._scratch.close()

    def told_as_asked(self, message: str) -> str:
        """What a user should know, by the names that the user has given."""
        return known_as(message, self._names)

    def _output(self, number: int, output: PlannedOutput) -> PlannedOutput:
        spec = output.spec
        if background_of(number) in self._unseen and isinstance(spec.background, PictureFile | VideoFile):
            spec = evolve(spec, background=replace(spec.background, path=self._fetched(background_of(number))))
        if self._scratch is not None:
            # Two outputs may have one name in different folders.
            spec = evolve(spec, path=self._scratch.path / str(number) / spec.path.name)
            folder_of(spec.path).mkdir(parents=True, exist_ok=True)
        return replace(output, spec=spec)

    def _fetched(self, group: str) -> Path:
        """A file of a group, in the cache: others of this machine may have fetched it.

        Raises:
            InputMissing, OutputRefused: if it cannot be fetched or kept.
        """
        from filelock import FileLock

        ((path, key),) = self._needed.keys[group].items()
        name = Path(path).name
        place = cache_folder() / "fetched" / key / name
        self._names[str(place)] = path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(place.with_name(f"{name}.lock")):
                if not place.is_file():
                    arriving = place.with_name(f"{name}.partial")
                    RemoteFile(f"{self._url}/{group}/{name}").save(arriving)
                    if content_key(arriving) != key:
                        raise InputMissing(f"{name}: has changed while it was fetched")
                    arriving.replace(place)
        except OSError as error:
            raise OutputRefused(f"{place}: cannot be kept: {error.strerror or error}") from None
        return place

    def _send(self, file: Path, name: str) -> None:
        """
        Raises:
            OutputRefused: if it is not taken.
        """
        path = f"{urlsplit(self._url).path}/part/{quote(name)}"
        why = ""
        for _ in range(_TRIES):
            try:
                crc, size = _crc_of(file), file.stat().st_size
                with file.open("rb") as data:
                    headers = {"Content-Length": str(size), CRC_HEADER: f"{crc:08x}"}
                    self._connection.request("PUT", path, body=data, headers=headers)
                    answer = self._connection.getresponse()
                    answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                why = " ".join((str(error) or type(error).__name__).split())
                continue
            if answer.status == HTTPStatus.CREATED:
                return
            why = answer.reason
            if answer.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                break
        self._connection.close()
        raise OutputRefused(f"{file.name}: is not taken by {urlsplit(self._url).netloc}: {why}")


def _crc_of(file: Path) -> int:
    crc = 0
    with file.open("rb") as data:
        while chunk := data.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc
