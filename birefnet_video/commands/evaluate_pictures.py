"""Sets of pictures scored for ``birefnet-video eval``: predictions that lie there, or what a network makes."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from birefnet_video.commands.pulling import require_weights
from birefnet_video.errors import DamagedInput, InputMissing
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import NetworkSpec

if TYPE_CHECKING:
    import numpy as np

    from birefnet_video.model.evaluation.sets import EvaluationSet

#: Pictures on a sheet of the worst ones.
_WORST = 12
#: Pictures a process that wait for being scored.
_AHEAD = 3


class NetworkMattes:
    """A network as ``--model`` names it, and what is done to its mattes: what users get."""

    def __init__(self, network: NetworkSpec, matte: EditSpec) -> None:
        """
        Args:
            network: with its options.
            matte: edits of what it finds.
        """
        from birefnet_video.pipeline.stills import StillMatting
        from birefnet_video.zoo.files import weights_path

        require_weights(network.model)
        path = weights_path(network.model)
        self._matting = StillMatting(network, matte, tell=lambda text: print(text, file=sys.stderr))
        stat = path.stat()
        #: Changes with the weights, with the options and so with the mattes.
        self.key = f"{path.resolve()} {stat.st_size}.{stat.st_mtime_ns} {network} {matte}"

    def matte(self, rgb: "np.ndarray") -> "np.ndarray":
        """uint8 (H, W, 3) -> uint8 (H, W)."""
        import numpy as np

        return (self._matting.alpha(rgb) * 255 + 0.5).astype(np.uint8)


def evaluate_pictures(
    sets: "list[EvaluationSet]", network: NetworkMattes | None, *, out: Path | None, jobs: int | None, json_lines: bool
) -> int:
    """Score sets, print a row each and write what ``--out`` is to hold.

    Args:
        sets: with predictions, or with pictures for a network.
        network: makes the mattes; None: they are the sets' predictions.
        out: folder that exists, for results; None: they are only printed.
        jobs: processes that score; None: one a core.
        json_lines: print JSON in place of a table.

    Returns:
        the exit code.

    Raises:
        InputMissing: if no picture of a set could be scored.
    """
    from birefnet_video.model.evaluation.pictures import METRICS, mean_scores
    from birefnet_video.model.evaluation.report import markdown_table, plain_scores

    rows: dict[str, dict[str, float]] = {}
    ledgers: dict[str, Mapping[str, Any]] = {}
    lacking = 0
    for pictures in sets:
        for problem in pictures.problems:
            print(f"left out: {problem}", file=sys.stderr)
        ledger, problems = _score_set(pictures, network, out, jobs)
        ledgers[pictures.name] = ledger
        lacking += len(problems) + sum(not problem.endswith("has no truth") for problem in pictures.problems)
        scores = [ledger[stem] for stem in pictures.truths if stem in ledger]
        if not scores:
            raise InputMissing(f"{pictures.name}: no picture could be scored")
        rows[pictures.name] = {"pictures": len(scores), **mean_scores(scores)}
        if json_lines:
            print(json.dumps({"dataset": pictures.name, **plain_scores(rows[pictures.name])}), flush=True)
    table = markdown_table(rows, ("pictures", *METRICS))
    if not json_lines:
        print(table, end="")
    if out is not None:
        (out / "results.md").write_text(table, encoding="utf-8")
        (out / "results.json").write_text(
            json.dumps({name: plain_scores(row) for name, row in rows.items()}, indent=1) + "\n"
        )
        for pictures in sets:
            _write_sheet(pictures, ledgers[pictures.name], out)
    if lacking:
        print(f"{lacking} pictures could not be scored; the means leave them out", file=sys.stderr)
    return DamagedInput.exit_code if lacking else 0


def _score_set(
    pictures: "EvaluationSet", network: NetworkMattes | None, out: Path | None, jobs: int | None
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
    pictures: "EvaluationSet", todo: list[str], network: NetworkMattes | None, out: Path | None, problems: list[str]
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
