"""``birefnet-video train``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from birefnet_video.commands.pulling import require_weights
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, InputMissing, OutputRefused
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import FLAT, Suggested
from birefnet_video.options.network import DeviceSpec, PatchOrderSpec
from birefnet_video.options.run import QuietSpec
from birefnet_video.signals import stop_on_signals

if TYPE_CHECKING:
    from birefnet_video.model.training.processes import Processes
    from birefnet_video.model.training.recipe import Recipe
    from birefnet_video.model.training.trainer import Progress

#: Steps between lines where there is no terminal to draw on.
_LINE_EVERY = 20


def train(
    recipe: Annotated[str, Suggested("recipes", or_file=True)],
    *overrides: str,
    out: Path,
    data: Path | None = None,
    init: Annotated[str | None, Suggested("models", or_file=True)] = None,
    begin_with: Annotated[PatchOrderSpec, FLAT] = PatchOrderSpec(),
    machine: Annotated[DeviceSpec, FLAT] = DeviceSpec(),
    words: Annotated[QuietSpec, FLAT] = QuietSpec(),
    chosen: Annotated[ConfigSpec, FLAT] = ConfigSpec(),
) -> int:
    """Train or fine-tune a network.

    Example: birefnet-video train finetune --data my_pictures --init tiny --out my_run

    A run that was interrupted goes on when the same line is given again. With several GPUs:
    torchrun --nproc-per-node 4 -m birefnet_video train ...

    Parameters
    ----------
    recipe
        Shipped recipe (finetune, dis5k, cod, hrsod, general, matting, tiny, smoke) or path of a .toml file.
    overrides
        Values in place of the recipe's, as SECTION.KEY=VALUE: optimiser.rate=1e-4 run.steps=1000.
    out
        Folder of the run: model.safetensors, state.pt, log.csv, recipe.toml, previews.
    data
        Folder of the picture sets; short for data.root=... Each set has im and gt.
    init
        Model name or checkpoint to begin with; short for model.init=...
    """
    from birefnet_video.model.training.recipe_toml import load_recipe

    loaded = load_recipe(recipe, overrides)
    if data is not None:
        loaded = replace(loaded, data=replace(loaded.data, root=str(data)))
    if loaded.data.root and not Path(loaded.data.root).is_dir():
        raise InputMissing(f"{loaded.data.root}: no such folder of picture sets")
    begin = init if init is not None else loaded.model.init
    if begin:
        from birefnet_video.zoo.files import weights_path
        from birefnet_video.zoo.loading import patch_order_of

        require_weights(begin, may_ask=not words.quiet)
        asked = begin_with.patch_order if begin_with.patch_order != "auto" else loaded.model.patch_order
        order = patch_order_of(begin, asked)
        loaded = replace(loaded, model=replace(loaded.model, init=str(weights_path(begin)), patch_order=order))
    from birefnet_video.backends.devices import pick_device
    from birefnet_video.model.training.processes import join_processes, leave_processes

    # Each of several processes has a GPU of its own: none may begin to use the first one.
    processes = join_processes(pick_device(machine.device, tries=False)[0])
    try:
        return _train(loaded, out, processes, quiet=words.quiet)
    finally:
        leave_processes(processes)


def _train(recipe: "Recipe", out: Path, processes: "Processes", *, quiet: bool) -> int:
    import torch

    from birefnet_video.model.training.trainer import WEIGHTS, NotFinite, Trainer
    from birefnet_video.pictures.files import PictureError

    try:
        with _watching(quiet=quiet or not processes.leads) as (on_progress, on_notice):
            trainer = Trainer(recipe, out, processes, on_progress=on_progress, on_notice=on_notice)
            received = stop_on_signals(trainer.stop)
            finished = trainer.run()
    except PictureError as error:
        raise InputMissing(str(error)) from None
    except OSError as error:
        raise OutputRefused(f"{error.filename or out}: cannot be written: {error.strerror or error}") from None
    except NotFinite as error:
        raise BirefnetVideoError(str(error), hint="lower optimiser.rate, or give optimiser.clip") from None
    except torch.cuda.OutOfMemoryError as error:
        reason = str(error).splitlines()[0]
        hint = "lower data.batch_size, and raise optimiser.accumulate as much"
        raise BackendUnavailable(f"the GPU's memory is full: {reason}", hint=hint) from None
    if processes.leads and not quiet:
        end = "done" if finished else f"stopped after step {trainer.step}; the same line goes on from there"
        print(f"{end}: {out / WEIGHTS}", file=sys.stderr)
    return 0 if finished else 128 + (received[0] if received else signal.SIGINT)


@contextmanager
def _watching(*, quiet: bool) -> Iterator[tuple[Any, Any]]:
    """What shows progress and notices: a bar on a terminal, lines elsewhere."""
    if quiet:
        yield (lambda progress: None), (lambda text: print(text, file=sys.stderr))
        return
    if not sys.stderr.isatty():
        yield _print_line, (lambda text: print(text, file=sys.stderr, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[pace]:.1f} pictures/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        task = bars.add_task("training", total=None, loss=float("nan"), pace=0.0)

        def on_progress(progress: "Progress") -> None:
            loss, pace = progress.loss, progress.pictures_per_s
            bars.update(task, completed=progress.step, total=progress.steps, loss=loss, pace=pace)

        yield on_progress, (lambda text: console.print(text, markup=False, highlight=False))


def _print_line(progress: "Progress") -> None:
    if progress.step % _LINE_EVERY == 0 or progress.step == progress.steps:
        minutes = progress.remaining_s / 60
        print(
            f"step {progress.step}/{progress.steps}  loss {progress.loss:.3f}  "
            f"{progress.pictures_per_s:.1f} pictures/s  {minutes:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
