"""``birefnet-video eval``."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import field, frozen
from cyclopts import Group, Parameter

from birefnet_video.errors import DamagedInput, InputMissing, OutputRefused, UsageError
from birefnet_video.options.group import FLAT, option_group
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.run import JsonSpec

if TYPE_CHECKING:
    import numpy as np

    from birefnet_video.model.evaluation.sets import EvaluationSet

_NETWORK = Group("Network", sort_key=1)
_MATTE = Group("Matte", sort_key=2)
#: Pictures on a sheet of the worst ones.
_WORST = 12
#: Pictures a process that wait for being scored.
_AHEAD = 3


@option_group
@frozen(kw_only=True, slots=False)
class EvalSpec(JsonSpec):
    """What is measured."""

    pred: Path | None = field(default=None)
    """Folder of predicted mattes, or of one folder a set."""
    gt: Path | None = field(default=None)
    """Folder of true mattes, or of sets with a folder gt; with --video a video."""
    data: Path | None = field(default=None)
    """Set to run --model on, with folders im and gt; or a folder of such sets."""
    video: Path | None = field(default=None)
    """Video of mattes, or with alpha, to compare with --gt frame by frame."""
    out: Path | None = field(default=None)
    """Folder for results, sheets of the worst, and with --data the mattes. What was interrupted goes on from there."""
    jobs: int | None = field(default=None)
    """Processes that score. Default: one a core."""

    def check(self, *, of_network: bool) -> None:
        """
        Args:
            of_network: options of a network are given.

        Raises:
            UsageError: if it is not clear what is measured, or an option means nothing beside it.
        """
        if of_network and self.data is None:
            raise UsageError("--model and --data go together")
        ways = {"--pred": self.pred, "--data": self.data, "--video": self.video}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) != 1:
            raise UsageError(
                "give one of --pred, --data and --video" + (f", not {' and '.join(given)}" if given else "")
            )
        if self.data is None and self.gt is None:
            raise UsageError(f"{given[0]} needs --gt")
        useless = {"--video": ("out", "jobs"), "--data": ("gt",), "--pred": ()}
        for name in useless[given[0]]:
            if getattr(self, name) is not None:
                raise UsageError(f"--{name} means nothing with {given[0]}")


def evaluate(
    *,
    what: Annotated[EvalSpec, FLAT] = EvalSpec(),
    network: Annotated[NetworkSpec, FLAT, Parameter(group=_NETWORK)] = NetworkSpec(),
    matte: Annotated[EditSpec, FLAT, Parameter(group=_MATTE)] = EditSpec(),
) -> int:
    """Measure mattes: folders of predictions, a network on a data set, or a video.

    Examples:
    birefnet-video eval --pred preds --gt DIS5K/DIS-VD/gt
    birefnet-video eval --model tiny --data DIS5K/DIS-VD --out results
    birefnet-video eval --video out.mov --gt truth.mkv
    """
    what.check(of_network=network != NetworkSpec() or matte != EditSpec())
    if what.video is not None:
        assert what.gt is not None
        return _video(what.video, what.gt, json_lines=what.json_lines)
    if what.out is not None:
        _make_folder(what.out)
    sets = _sets(what)
    found = _Network(network, matte) if what.data is not None else None
    return _pictures(sets, found, what)


def _sets(what: EvalSpec) -> "list[EvaluationSet]":
    """
    Raises:
        InputMissing: if there is none.
    """
    from birefnet_video.model.evaluation.sets import find_predictions, find_truths
    from birefnet_video.pictures.files import PictureError

    try:
        if what.data is None:
            assert what.pred is not None and what.gt is not None
            return find_predictions(what.pred, what.gt)
        folders = [what.data] if (what.data / "im").is_dir() else sorted(p.parent for p in what.data.glob("*/im"))
        if not folders:
            raise PictureError(f"{what.data}: is no set with folders 'im' and 'gt', and holds none")
        return [find_truths(folder) for folder in folders]
    except PictureError as error:
        raise InputMissing(str(error)) from None


class _Network:
    """A network as ``--model`` names it, and what is done to its mattes: what users get."""

    def __init__(self, network: NetworkSpec, matte: EditSpec) -> None:
        from birefnet_video.models import weights_path
        from birefnet_video.pipeline.stills import StillMatting

        path = weights_path(network.model)
        self._matting = StillMatting(network, matte, tell=lambda text: print(text, file=sys.stderr))
        stat = path.stat()
        #: Changes with the weights, with the options and so with the mattes.
        self.key = f"{path.resolve()} {stat.st_size}.{stat.st_mtime_ns} {network} {matte}"

    def matte(self, rgb: "np.ndarray") -> "np.ndarray":
        """uint8 (H, W, 3) -> uint8 (H, W)."""
        import numpy as np

        return (self._matting.alpha(rgb) * 255 + 0.5).astype(np.uint8)


def _pictures(sets: "list[EvaluationSet]", network: _Network | None, what: EvalSpec) -> int:
    from birefnet_video.model.evaluation.pictures import METRICS, mean_scores
    from birefnet_video.model.evaluation.report import markdown_table

    rows: dict[str, dict[str, float]] = {}
    ledgers: dict[str, Mapping[str, Any]] = {}
    lacking = 0
    for pictures in sets:
        for problem in pictures.problems:
            print(f"left out: {problem}", file=sys.stderr)
        ledger, problems = _score_set(pictures, network, what.out, what.jobs)
        ledgers[pictures.name] = ledger
        lacking += len(problems) + sum(not problem.endswith("has no truth") for problem in pictures.problems)
        scores = [ledger[stem] for stem in pictures.truths if stem in ledger]
        if not scores:
            raise InputMissing(f"{pictures.name}: no picture could be scored")
        rows[pictures.name] = {"pictures": len(scores), **mean_scores(scores)}
        if what.json_lines:
            print(json.dumps({"dataset": pictures.name, **_plain(rows[pictures.name])}), flush=True)
    table = markdown_table(rows, ("pictures", *METRICS))
    if not what.json_lines:
        print(table, end="")
    if what.out is not None:
        (what.out / "results.md").write_text(table, encoding="utf-8")
        (what.out / "results.json").write_text(
            json.dumps({name: _plain(row) for name, row in rows.items()}, indent=1) + "\n"
        )
        for pictures in sets:
            _write_sheet(pictures, ledgers[pictures.name], what.out)
    if lacking:
        print(f"{lacking} pictures could not be scored; the means leave them out", file=sys.stderr)
    return DamagedInput.exit_code if lacking else 0


def _score_set(
    pictures: "EvaluationSet", network: _Network | None, out: Path | None, jobs: int | None
) -> tuple[Mapping[str, Any], list[str]]:
    """Stem -> scores, and what could not be scored."""
    from birefnet_video.model.evaluation.scoring import Ledger, Scored, Scorer, file_key, processes_for

    def key_of(stem: str) -> str:
        if stem not in pictures.truths:
            return ""
        sources = [pictures.truths[stem], pictures.pictures[stem] if network else pictures.found[stem]]
        return f"{file_key(*sources)} {network.key if network else ''}"

    ledger = Ledger(out / f"{pictures.name}.jsonl" if out is not None else None, key_of)
    made = out / "mattes" / pictures.name if network is not None and out is not None else None
    todo = [
        stem
        for stem in pictures.truths
        if stem not in ledger.known or (made is not None and not (made / f"{stem}.png").exists())
    ]
    problems: list[str] = []

    def take(scored: Scored) -> None:
        ledger.add(scored)
        if scored.scores is None:
            problems.append(scored.problem)
            print(f"left out: {scored.problem}", file=sys.stderr)

    processes = processes_for(len(todo), jobs)
    with Scorer(processes) as scorer, _bar(pictures.name, len(pictures.truths)) as advance:
        advance(len(pictures.truths) - len(todo))
        waiting: list[Any] = []
        for stem, found in _mattes(pictures, todo, network, out, problems):
            waiting.append(scorer.submit(stem, found, pictures.truths[stem]))
            # Pictures wait in memory where a network is faster than the scoring.
            while len(waiting) > _AHEAD * processes:
                take(waiting.pop(0).result())
                advance(1)
        for future in waiting:
            take(future.result())
            advance(1)
    return ledger.known, problems


def _mattes(
    pictures: "EvaluationSet", todo: list[str], network: _Network | None, out: Path | None, problems: list[str]
) -> "Iterator[tuple[str, Path | np.ndarray]]":
    """What is to be scored: files of predictions, or what the network makes of the pictures."""
    if network is None:
        yield from ((stem, pictures.found[stem]) for stem in todo)
        return
    from birefnet_video.pictures.files import PictureError, read_rgb, write_picture

    folder = out / "mattes" / pictures.name if out is not None else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    for stem in todo:
        try:
            matte = network.matte(read_rgb(pictures.pictures[stem]))
        except PictureError as error:
            problems.append(str(error))
            print(f"left out: {error}", file=sys.stderr)
            continue
        if folder is not None:
            write_picture(folder / f"{stem}.png", matte)
        yield stem, matte


def _write_sheet(pictures: "EvaluationSet", scores: Mapping[str, Any], out: Path) -> None:
    from birefnet_video.model.evaluation.report import write_contact_sheet

    made = out / "mattes" / pictures.name
    found = pictures.found or {stem: made / f"{stem}.png" for stem in pictures.truths}
    stems = [stem for stem in pictures.truths if stem in scores and found[stem].exists()]
    worst = sorted(stems, key=lambda stem: scores[stem].values["Smeasure"])[:_WORST]
    if worst:
        write_contact_sheet(out / f"{pictures.name}_worst.jpg", worst, pictures.pictures, pictures.truths, found)


def _video(video: Path, truth: Path, *, json_lines: bool) -> int:
    from birefnet_video.inputs.read_alpha import read_mattes
    from birefnet_video.model.evaluation.report import markdown_table
    from birefnet_video.model.evaluation.video import VIDEO_METRICS, VideoScores

    scores = VideoScores()
    uneven = False
    for found, meant in zip_longest(read_mattes(video), read_mattes(truth)):
        if found is None or meant is None:
            uneven = True
            break
        try:
            scores.step(found, meant)
        except ValueError as error:
            raise UsageError(f"{video}: {error}") from None
    if uneven:
        print(f"{video} and {truth} differ in length; {scores.frames} frames were compared", file=sys.stderr)
    means = scores.means()
    if json_lines:
        print(json.dumps({"video": str(video), "frames": scores.frames, **_plain(means)}))
    else:
        row = {video.name: {"frames": scores.frames, **means}}
        print(markdown_table(row, ("frames", *VIDEO_METRICS), first="video"), end="")
    return DamagedInput.exit_code if uneven else 0


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(f"{folder}: cannot be made: {error.strerror}") from None


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields what tells it of pictures done."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=total)
        yield lambda count: bars.advance(task, count)
