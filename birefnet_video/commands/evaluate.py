"""``birefnet-video eval``."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from birefnet_video.errors import DamagedInput, InputMissing, OutputRefused, UsageError
from birefnet_video.spec import BackendSpec, parse_size

if TYPE_CHECKING:
    import numpy as np

    from birefnet_video.model.evaluation.sets import EvaluationSet

#: Pictures on a sheet of the worst ones.
_WORST = 12
#: Pictures a process that wait for being scored.
_AHEAD = 3


def evaluate(
    *,
    pred: Path | None = None,
    gt: Path | None = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"])] = None,
    data: Path | None = None,
    video: Path | None = None,
    size: str | None = None,
    device: str = "auto",
    out: Path | None = None,
    jobs: int | None = None,
    json_lines: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Measure mattes: folders of predictions, a network on a data set, or a video.

    Examples:
    birefnet-video eval --pred preds --gt DIS5K/DIS-VD/gt
    birefnet-video eval --model tiny --data DIS5K/DIS-VD --out results
    birefnet-video eval --video out.mov --gt truth.mkv

    Parameters
    ----------
    pred
        Folder of predicted mattes, or of one folder a set.
    gt
        Folder of true mattes, or of sets with a folder gt; with --video a video.
    model
        Network to run: a model name or a checkpoint.
    data
        Set to run it on, with folders im and gt; or a folder of such sets.
    video
        Video of mattes, or with alpha, to compare with --gt frame by frame.
    size
        Size of the network's input: N, or WIDTHxHEIGHT. Default: the model's own.
    device
        auto, cpu, cuda, cuda:N or mps.
    out
        Folder for results.json, results.md, sheets of the worst mattes, and with --model the mattes. An evaluation that
        was interrupted goes on from what lies there.
    jobs
        Processes that score. Default: one a core.
    json_lines
        One JSON object a set on stdout, in place of the table.
    """
    given = [name for name, value in (("--pred", pred), ("--model", model), ("--video", video)) if value is not None]
    if len(given) != 1:
        raise UsageError("give one of --pred, --model and --video" + (f", not {' and '.join(given)}" if given else ""))
    if (model is None) != (data is None):
        raise UsageError("--model and --data go together")
    if model is None and gt is None:
        raise UsageError(f"{given[0]} needs --gt")
    _refuse_useless(given[0], {"--gt": gt, "--size": size, "--out": out, "--jobs": jobs})
    if video is not None:
        assert gt is not None
        return _video(video, gt, json_lines=json_lines)
    from birefnet_video.model.evaluation.sets import find_predictions, find_truths
    from birefnet_video.model.picture_files import PictureError

    if out is not None:
        _make_folder(out)
    try:
        if model is not None:
            assert data is not None
            folders = [data] if (data / "im").is_dir() else sorted(p.parent for p in data.glob("*/im"))
            if not folders:
                raise PictureError(f"{data}: is no set with folders 'im' and 'gt', and holds none")
            sets = [find_truths(folder) for folder in folders]
        else:
            assert pred is not None and gt is not None
            sets = find_predictions(pred, gt)
    except PictureError as error:
        raise InputMissing(str(error)) from None
    network = _Network(model, parse_size(size), device) if model is not None else None
    return _pictures(sets, network, out, jobs, json_lines=json_lines)


#: Options that mean nothing beside what is measured.
_USELESS = {"--video": ("--size", "--out", "--jobs"), "--model": ("--gt",), "--pred": ("--size",)}


def _refuse_useless(measured: str, given: Mapping[str, object]) -> None:
    for name in _USELESS[measured]:
        if given[name] is not None:
            raise UsageError(f"{name} means nothing with {measured}")


class _Network:
    """A network as ``--model`` names it."""

    def __init__(self, model: str, size: tuple[int, int] | None, device: str) -> None:
        from birefnet_video.backends.devices import pick_device
        from birefnet_video.models import load_network, weights_path

        BackendSpec(model=model, size=size, device=device)
        path = weights_path(model)
        self.net = load_network(model)
        self.device = pick_device(device)[0]
        self.net.to(self.device)
        self.name, self.size = model, size
        stat = path.stat()
        #: Changes with the weights, the size and so with the mattes.
        self.key = f"{model} {path.resolve()} {stat.st_size}.{stat.st_mtime_ns} {size}"

    def matte(self, rgb: "np.ndarray") -> "np.ndarray":
        """uint8 (H, W, 3) -> uint8 (H, W)."""
        import torch

        from birefnet_video.model.preprocess import postprocess, preprocess
        from birefnet_video.models import input_size

        height, width = rgb.shape[:2]
        size = self.size or input_size(self.name, width, height)
        with torch.inference_mode():
            logits = self.net(preprocess(rgb, size)[None].to(self.device))
            alpha = postprocess(logits, (height, width))[0, 0]
            return (alpha * 255).round().byte().cpu().numpy()


def _pictures(
    sets: "list[EvaluationSet]", network: _Network | None, out: Path | None, jobs: int | None, *, json_lines: bool
) -> int:
    from birefnet_video.model.evaluation.pictures import METRICS, mean_scores
    from birefnet_video.model.evaluation.report import markdown_table

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
            print(json.dumps({"dataset": pictures.name, **_plain(rows[pictures.name])}), flush=True)
    table = markdown_table(rows, ("pictures", *METRICS))
    if not json_lines:
        print(table, end="")
    if out is not None:
        (out / "results.md").write_text(table, encoding="utf-8")
        (out / "results.json").write_text(
            json.dumps({name: _plain(row) for name, row in rows.items()}, indent=1) + "\n"
        )
        for pictures in sets:
            _write_sheet(pictures, ledgers[pictures.name], out)
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
    from birefnet_video.model.picture_files import PictureError, read_rgb, write_picture

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
    from birefnet_video.media.mattes import read_mattes
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
