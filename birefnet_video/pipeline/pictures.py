"""Many still pictures: read and written beside the network, which takes those of one shape together."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

import numpy as np

from birefnet_video.colour.convert import to_rgb
from birefnet_video.defaults import MAX_PIXELS
from birefnet_video.errors import BirefnetVideoError, DamagedInput, OutputRefused, UsageError, explained
from birefnet_video.limits import Limits
from birefnet_video.matting.composite.pictures import Drawing, box_of_subject, cropped
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.options.pictures import PicturesRequest
from birefnet_video.outputs.unfinished import make_folder, write_whole
from birefnet_video.pictures.formats import format_of
from birefnet_video.pictures.large import LargePicture, large_picture
from birefnet_video.pictures.picture import Picture
from birefnet_video.pictures.profiles import as_srgb
from birefnet_video.pictures.reading import read_file, read_pictures
from birefnet_video.pictures.still import still
from birefnet_video.pictures.writing import Drawn, encode
from birefnet_video.pipeline.compositor import CpuCompositor, Task
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.guided_stills import GuidedStills
from birefnet_video.pipeline.large_pictures import LargePictures
from birefnet_video.pipeline.networks import Networks
from birefnet_video.pipeline.ordered import cores, ordered_map
from birefnet_video.pipeline.picture_jobs import Page, PictureJob, Result, Work
from birefnet_video.types import Matte, MediaInfo

#: Threads that read, and threads that write: a picture on each is held in memory.
_LEAST_WORKERS, _MOST_WORKERS = 2, 4
#: Pictures of other shapes that wait for more of theirs, in batches.
_MOST_WAITING = 4


class PictureRun:
    """Works through pictures. What is wrong with one of them is told with its result, and the others go on."""

    def __init__(self, request: PicturesRequest, *, pictures: int, tell: Callable[[str], None]) -> None:
        """
        Args:
            request: how.
            pictures: that are to be expected.
            tell: takes what a user should know.

        Raises:
            BirefnetVideoError: if a background or a library is missing.
        """
        self._request, self._tell = request, tell
        self._limits = Limits(request.read.max_pixels)
        self._networks = Networks(request.backend, frames=pictures, tell=tell)
        self._drawing = Drawing(request.colour)
        self._workers = min(max(cores(), _LEAST_WORKERS), _MOST_WORKERS)
        self._stopped = threading.Event()
        self._guided = GuidedStills(request.matte)
        self._large = LargePictures(request, self._networks, tell, self._stopped.is_set)
        for output in request.files.named:
            self._drawing.check(output.background)
        if request.files.background is not None:
            self._drawing.check(request.files.background)

    def stop(self) -> None:
        """Begin no more pictures; what was begun is finished, but large ones. From any thread and from signals."""
        self._stopped.set()

    def results(self, jobs: Iterable[PictureJob]) -> Iterator[Result]:
        """Work through pictures; results come as they are done, roughly in order.

        Raises:
            BirefnetVideoError: if the network cannot be loaded or fails.
        """
        if self._drawing.warm_up is not None:
            self._drawing.warm_up()
        with (
            closing(ordered_map(self._read, self._begun(jobs), self._workers, "birefnet-video read")) as works,
            closing(self._with_mattes(works)) as matted,
            closing(ordered_map(self._finish, matted, self._workers, "birefnet-video write")) as done,
        ):
            try:
                yield from done
            finally:
                self._networks.close()
                if words := self._networks.tiles.describe():
                    self._tell(words)

    def _begun(self, jobs: Iterable[PictureJob]) -> Iterator[PictureJob]:
        for job in jobs:
            if self._stopped.is_set():
                return
            yield job

    def _read(self, job: PictureJob) -> Work:
        work = Work(Result(job))
        files = self._request.files
        try:
            if job.source.error is not None:
                raise job.source.error
            if files.skip_existing and all(each.path != STDOUT and each.path.exists() for each in job.outputs):
                work.result.skipped = True
                return work
            _check(job, overwrite=files.overwrite)
            path = job.source.path
            if (large := self._large_of(job)) is not None:
                work.large, (height, width) = large, large.size
                work.result.size, work.result.pages = (width, height), 1
                return work
            pictures = read_pictures(read_file(path) if job.data is None else job.data, str(path), self._limits)
            work.pages = [self._page(picture) for picture in pictures]
            work.result.notes += dict.fromkeys(note for picture in pictures for note in picture.notes)
        except BirefnetVideoError as error:
            work.result.error = error
            work.pages = []
        except MemoryError as error:
            work.result.error = _as_ours(error)
            work.pages = []
        if work.pages:
            height, width = work.pages[0].picture.rgb.shape[:2]
            work.result.size, work.result.pages = (width, height), len(work.pages)
        return work

    def _large_of(self, job: PictureJob) -> LargePicture | None:
        """Its picture, if that is large and can be looked at in parts."""
        if job.data is not None or (found := large_picture(job.source.path, MAX_PIXELS)) is None:
            return None
        if self._guided.is_asked:
            found.close()
            raise UsageError(f"{job.source.path}: --subject takes pictures of up to {MAX_PIXELS:,} pixels")
        is_taken = False
        try:
            is_taken = self._large.takes(found, job.outputs)
        finally:
            if not is_taken:
                found.close()
        return found if is_taken else None

    def _make_large(self, work: Work) -> None:
        if (picture := work.large) is None:
            return
        work.large = None
        try:
            work.result.notes += self._large.make(picture, work.result.job.outputs)
            height, width = picture.size
            work.result.size = (width, height)
        except (BirefnetVideoError, MemoryError) as error:
            work.result.error = error if isinstance(error, BirefnetVideoError) else _as_ours(error)

    def _page(self, picture: Picture) -> Page:
        frame, info = still(picture.rgb)
        seen, in_tiles = self._networks.size_for(info.width, info.height), self._request.backend.detail != "off"
        size = self._guided.view_size(seen, info.width, info.height, in_tiles=in_tiles)
        # Networks have learned from sRGB.
        return Page(picture, frame, info, as_srgb(to_rgb(frame.picture, info, size), picture.kept.icc))

    def _with_mattes(self, works: Iterable[Work]) -> Generator[Work, None, None]:
        """Those whose pages all have mattes; pages of one size of input go through the network together."""
        waiting: dict[tuple[int, ...], list[Page]] = {}
        begun: list[Work] = []
        for work in works:
            self._make_large(work)
            begun.append(work)
            for page in work.pages:
                waiting.setdefault(page.view.shape, []).append(page)
            while (fullest := max(waiting.values(), key=len, default=[])) and self._is_due(fullest, waiting):
                self._infer(waiting, fullest[0].view.shape)
            yield from _ready(begun)
        while waiting:
            self._infer(waiting, next(iter(waiting)))
            yield from _ready(begun)

    def _is_due(self, fullest: list[Page], waiting: dict[tuple[int, ...], list[Page]]) -> bool:
        batch = self._networks.of(fullest[0].info.width, fullest[0].info.height).info.batch_size
        return len(fullest) >= batch or sum(map(len, waiting.values())) >= _MOST_WAITING * batch

    def _infer(self, waiting: dict[tuple[int, ...], list[Page]], shape: tuple[int, ...]) -> None:
        pages = waiting[shape]
        matting = self._matting(pages[0].info)
        taken = pages[: matting.info.batch_size]
        waiting[shape] = pages[len(taken) :]
        if not waiting[shape]:
            del waiting[shape]
        if self._guided.is_asked:
            for page in taken:
                self._pick(page, matting)
            return
        for page, alpha in zip(taken, matting.begin(np.stack([page.view for page in taken]))(), strict=True):
            page.alpha = alpha

    def _pick(self, page: Page, matting: Matting) -> None:
        """The matte of whoever is meant."""
        try:
            page.alpha, notes = self._guided.alpha(matting.backend, page.view, (page.info.width, page.info.height))
            page.notes += notes
        except (UsageError, DamagedInput) as error:
            page.alpha, page.error = np.zeros(page.view.shape[:2], np.float32), error

    def _matting(self, info: MediaInfo) -> Matting:
        return Matting(self._networks.of(info.width, info.height), CpuCompositor(Task(info), (), ()))

    def _finish(self, work: Work) -> Result:
        result = work.result
        if result.error is not None or result.skipped or not work.pages:
            return result
        result.notes += [note for page in work.pages for note in page.notes]
        if (error := next((page.error for page in work.pages if page.error is not None), None)) is not None:
            result.error = type(error)(f"{result.job.source.path}: {error}")
            return result
        try:
            drawn = [self._draw(page, result) for page in work.pages]
            for index, output in enumerate(result.job.outputs):
                self._write(output, [page[index] for page in drawn], result)
        except BirefnetVideoError as error:
            result.error = error
        except MemoryError as error:
            result.error = _as_ours(error)
        work.pages = []
        return result

    def _draw(self, page: Page, result: Result) -> list[Drawn]:
        assert page.alpha is not None
        compositor = CpuCompositor(Task(page.info), (), ())
        made = compositor.compose(Matte(page.frame, page.alpha, page.view), self._request.matte)
        alpha, picture = made.cutout().alpha, page.picture
        if picture.alpha is not None and self._request.read.input_alpha == "multiply":
            alpha = alpha * picture.alpha
        elif picture.alpha is not None:
            picture = Picture(picture.rgb, None, picture.kept, picture.light)
        drawn = self._drawing.draw(result.job.outputs, picture, alpha)
        if (margin := self._request.files.trim) is None:
            return drawn
        if (box := box_of_subject(alpha, margin)) is None:
            result.notes.append("no subject was found: it is not trimmed")
            return drawn
        return [cropped(each, box) for each in drawn]

    def _write(self, output: OutputSpec, pages: list[Drawn], result: Result) -> None:
        if output.path == STDOUT:
            result.standard_output = encode(pages, self._request.files.format, "standard output")
            return
        data = encode(pages, format_of(output.kind, output.path), str(output.path))
        if self._request.files.out_dir is not None:
            make_folder(output.path)
        write_whole(output.path, data, overwrite=self._request.files.overwrite)


def _check(job: PictureJob, *, overwrite: bool) -> None:
    """
    Raises:
        OutputRefused: if an output is the source, or there.
    """
    for output in job.outputs:
        if output.path == STDOUT or not output.path.exists():
            continue
        if job.source.path.exists() and output.path.samefile(job.source.path):
            raise OutputRefused(f"{output.path}: is the input itself")
        if output.path.is_dir():
            raise OutputRefused(f"{output.path}: is a folder", hint="--out-dir names a folder for many pictures")
        if not overwrite:
            raise OutputRefused(f"{output.path}: exists", hint="-y replaces it, --skip-existing leaves it")


def _ready(begun: list[Work]) -> Iterator[Work]:
    """Takes those out that wait for no matte."""
    done = [work for work in begun if all(page.alpha is not None for page in work.pages)]
    begun[:] = [work for work in begun if work not in done]
    yield from done


def _as_ours(error: MemoryError) -> BirefnetVideoError:
    known = explained(error)
    assert isinstance(known, BirefnetVideoError)
    return known
