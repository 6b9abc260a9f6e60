"""``birefnet-video eval``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from attrs import field, frozen
from cyclopts import Group, Parameter

from birefnet_video.commands.evaluate_pictures import NetworkMattes, evaluate_pictures
from birefnet_video.commands.evaluate_video import evaluate_video
from birefnet_video.errors import InputMissing, OutputRefused, UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT, option_group
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.run import JsonSpec

if TYPE_CHECKING:
    from birefnet_video.model.evaluation.sets import EvaluationSet

_NETWORK = Group("Network", sort_key=1)
_MATTE = Group("Matte", sort_key=2)


@option_group
@frozen(kw_only=True, slots=False)
class EvalSpec(ConfigSpec, JsonSpec):
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

    For example:
    birefnet-video eval --pred preds --gt DIS5K/DIS-VD/gt
    birefnet-video eval --model tiny --data DIS5K/DIS-VD --out results
    birefnet-video eval --video out.mov --gt truth.mkv
    """
    what.check(of_network=network != NetworkSpec() or matte != EditSpec())
    if what.video is not None:
        assert what.gt is not None
        return evaluate_video(what.video, what.gt, json_lines=what.json_lines)
    if what.out is not None:
        _make_folder(what.out)
    sets = _sets(what)
    found = NetworkMattes(network, matte) if what.data is not None else None
    return evaluate_pictures(sets, found, out=what.out, jobs=what.jobs, json_lines=what.json_lines)


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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(f"{folder}: cannot be made: {error.strerror}") from None
