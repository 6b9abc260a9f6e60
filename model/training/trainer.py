"""The training loop."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from birefnet_video.model.birefnet import BiRefNet, TrainingOutput
from birefnet_video.model.checkpoint import save_checkpoint
from birefnet_video.model.preprocess import normalise
from birefnet_video.model.training.average import Average
from birefnet_video.model.training.data import TrainingBatch, TrainingData, batches
from birefnet_video.model.training.hybrid import HybridLoss, LossParts
from birefnet_video.model.training.optimiser import build_optimiser, freeze, frozen_norms, rate_factor, set_rates
from birefnet_video.model.training.processes import Processes, any_says
from birefnet_video.model.training.recipe import Recipe
from birefnet_video.model.training.recipe_toml import write_recipe
from birefnet_video.model.training.records import Records
from birefnet_video.model.training.start import build_network
from birefnet_video.model.training.state import load_state, save_state
from timm.layers import convert_sync_batchnorm  # type: ignore[attr-defined]
from torch import Tensor, nn

from birefnet_video.errors import UsageError

STATE, WEIGHTS, RECIPE, CATEGORIES = "state.pt", "model.safetensors", "recipe.toml", "categories.txt"
#: Steps over which speed is averaged.
_SPEED_WINDOW = 30
#: Batches in a row whose loss may be no number before the run gives up.
_LEAST_FINITE = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every step."""

    step: int
    """Steps done, of all processes together."""
    steps: int
    loss: float
    pictures_per_s: float
    remaining_s: float
    skipped: int
    """Pictures that could not be used, so far in this process."""


class NotFinite(RuntimeError):
    """The loss was no number in many batches in a row."""


class Trainer:
    """A run in its folder: starts or goes on, and leaves weights that :func:`load_checkpoint` takes."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        processes: Processes,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        """
        Args:
            recipe: the run.
            folder: where its files go; a state there is continued.
            processes: this process among those of the run; the leading one writes.
            on_progress: called after every step of the leading process.
            on_notice: called with a line about what a user should know.

        Raises:
            UsageError: if the recipe has no end or does not fit the state in ``folder``.
            CheckpointError: if weights cannot be read.
            PictureError: if a set is missing or empty.
        """
        if not recipe.run.steps and not recipe.run.epochs:
            raise UsageError("the recipe has no end: give run.steps or run.epochs")
        self.recipe, self.folder, self.processes = recipe, folder, processes
        self._progress, self._notice = on_progress, on_notice
        self.data = TrainingData(recipe, rank=processes.rank, processes=processes.count)
        for file, why in self.data.skipped.items():
            self._notice(f"left out: {file}: {why}")
        torch.manual_seed(recipe.run.seed)
        net = build_network(recipe.model, len(self.data.categories))
        if net.patch_order is not None and net.patch_order.is_judged:
            self._notice(f"{Path(recipe.model.init).name}: {net.patch_order.words}")
        freeze(net, recipe.model.frozen)
        self.net = net.to(processes.device).to(memory_format=torch.channels_last)
        self.optimiser = build_optimiser(self.net, recipe.optimiser)
        self.average = Average(self.net, recipe.run.average) if recipe.run.average else None
        section = recipe.loss
        self.loss = HybridLoss(
            section.task,
            weights=section.weights or None,
            side_weight=section.side_weight,
            coarse_sides=section.coarse_sides,
            gradient_weight=section.gradient_weight,
            faithful=section.faithful,
        )
        self.step = 0
        if (folder / STATE).exists():
            self.step = load_state(folder / STATE, recipe, self.net, self.average, self.optimiser)
            self._notice(f"going on after step {self.step} of {len(self.data)}")
        self._stop = False

    def stop(self) -> None:
        """End after the step in hand; the state is saved. May be called from a signal handler."""
        self._stop = True

    def run(self) -> bool:
        """Train to the end or until :meth:`stop`; returns whether the end was reached.

        Raises:
            NotFinite: if the loss stays no number; the last good state is kept.
            PictureError: if too many pictures in a row cannot be used.
        """
        if self.step >= len(self.data):
            if self.processes.leads and not (self.folder / WEIGHTS).exists():
                self._save()
            return True
        records = self._open_records()
        forward = self._prepare_forward()
        speed: deque[tuple[float, int]] = deque(maxlen=_SPEED_WINDOW)
        skipped: set[str] = set()
        bad, last_good, last_saved = 0, self.step, self.step
        try:
            for batch in batches(self.data, self.step, pinned=self.processes.device.type == "cuda"):
                for problem in set(batch.skipped) - skipped:
                    self._notice(f"skipped: {problem}")
                skipped.update(batch.skipped)
                epoch = self.step // self.data.steps_per_epoch + 1
                self._begin(epoch)
                parts, out = self._train(forward, batch)
                bad = 0 if parts is not None else bad + 1
                if bad == _LEAST_FINITE:
                    raise NotFinite(f"the loss was no number in {bad} batches in a row; last good step: {last_good}")
                self.step += 1
                last_good = self.step if parts is not None else last_good
                speed.append((time.monotonic(), len(batch.rgb) * self.processes.count))
                stopping = any_says(self.processes, self._stop)
                if self.processes.leads:
                    self._record(records, batch, parts, out, epoch, speed, len(skipped))
                # Gradients that are still being added up are not part of a state.
                if not self._steps_now(self.step - 1):
                    continue
                due = self.step // self.recipe.run.save_every > last_saved // self.recipe.run.save_every
                if self.processes.leads and (stopping or due or self.step == len(self.data)) and not bad:
                    self._save()
                    last_saved = self.step
                if stopping:
                    break
        finally:
            if records is not None:
                records.close()
        return self.step >= len(self.data)

    def _open_records(self) -> Records | None:
        if not self.processes.leads:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        write_recipe(self.recipe, self.folder / RECIPE)
        if self.data.categories:
            (self.folder / CATEGORIES).write_text("\n".join(self.data.categories) + "\n", encoding="utf-8")
        return Records(self.folder, self.step, tensorboard=self.recipe.run.tensorboard)

    def _prepare_forward(self) -> Callable[[Tensor], TrainingOutput]:
        """The network as the loop calls it: in training mode, compiled and shared between processes if wanted."""
        if self.recipe.run.precision == "bf16" and self.processes.device.type == "cpu":
            _keep_depthwise_in_float(self.net)
        self.net.train()
        forward: Any = self.net
        if self.processes.count > 1:
            if self.processes.device.type == "cuda":
                # torch's own drops the activations that timm fuses into its norms.
                forward = convert_sync_batchnorm(forward)
            has_classes = self.net.config.auxiliary_classification
            forward = nn.parallel.DistributedDataParallel(forward, find_unused_parameters=has_classes)
        return torch.compile(forward) if self.recipe.run.compile else forward

    def _begin(self, epoch: int) -> None:
        settings, steps = self.recipe.loss, len(self.data)
        epochs = max(1, round(steps / self.data.steps_per_epoch))
        fading = None if settings.fine_tuning_epochs < 0 else settings.fine_tuning_epochs
        if fading is None and (self.recipe.run.steps or settings.weights):
            fading = 0
        self.loss.begin_epoch(epoch, epochs, fading)
        set_rates(self.optimiser, rate_factor(self.recipe.optimiser, self.step, steps, self.data.steps_per_epoch))
        if self.recipe.model.frozen_statistics:
            for norm in frozen_norms(self.net):
                norm.eval()
        # Dropout depends on the step alone, so that a run that goes on is the run that was interrupted.
        torch.manual_seed(self.recipe.run.seed * 1_000_003 + self.step * self.processes.count + self.processes.rank)

    def _train(
        self, forward: Callable[[Tensor], TrainingOutput], batch: TrainingBatch
    ) -> tuple[LossParts | None, TrainingOutput]:
        """One batch; ``None`` for the loss if it, or a gradient, was no number: then no weight changes."""
        device, settings = self.processes.device, self.recipe.optimiser
        rgb, alpha, counted, labels = (
            part.to(device, non_blocking=True) for part in (batch.rgb, batch.alpha, batch.known, batch.classes)
        )
        image = normalise(rgb.permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        target, known = (mask.unsqueeze(1).float() / 255 for mask in (alpha, counted))
        classes = labels if self.recipe.model.classification else None
        statistics = [buffer.clone() for buffer in self.net.buffers()]
        with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.run.precision == "bf16"):
            out = _in_float(forward(image))
        parts = self.loss(out, target, classes, known)
        if self.step % settings.accumulate == 0:
            self.optimiser.zero_grad(set_to_none=True)
        (parts.total / settings.accumulate).backward()
        if not self._steps_now(self.step):
            if bool(torch.isfinite(parts.total)):
                return parts, out
            self._restore(statistics)
            return None, out
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), settings.clip or float("inf"))
        if not bool(torch.isfinite(norm)):
            self.optimiser.zero_grad(set_to_none=True)
            self._restore(statistics)
            self._notice(f"step {self.step + 1}: the loss or a gradient is no number; no weight was changed")
            return None, out
        self.optimiser.step()
        if self.average is not None:
            self.average.update(self.net)
        return parts, out

    def _steps_now(self, step: int) -> bool:
        """Whether the optimiser steps after batch ``step``, counted from 0."""
        return (step + 1) % self.recipe.optimiser.accumulate == 0 or step + 1 == len(self.data)

    def _restore(self, statistics: list[Tensor]) -> None:
        """Undo what a bad batch did to the norms' statistics."""
        for buffer, before in zip(self.net.buffers(), statistics, strict=True):
            buffer.copy_(before)

    def _record(
        self,
        records: Records | None,
        batch: TrainingBatch,
        parts: LossParts | None,
        out: TrainingOutput,
        epoch: int,
        speed: deque[tuple[float, int]],
        skipped: int,
    ) -> None:
        assert records is not None
        span = speed[-1][0] - speed[0][0]
        pace = sum(count for _, count in list(speed)[1:]) / span if span else 0.0
        remaining = (len(self.data) - self.step) * span / (len(speed) - 1) if span else 0.0
        loss = float("nan")
        if parts is not None:
            told = parts.told()
            loss = told["loss"]
            records.loss(self.step, epoch, told, self.optimiser.param_groups[-1]["lr"], pace, skipped)
        every = self.recipe.run.preview_every
        if every and (self.step % every == 0 or self.step == len(self.data)):
            records.preview(self.step, batch, out)
        self._progress(Progress(self.step, len(self.data), loss, pace, remaining, skipped))

    def _save(self) -> None:
        net: BiRefNet = self.average.net if self.average is not None else self.net
        partial_name = self.folder / f".{WEIGHTS}"
        dtype = getattr(torch, self.recipe.run.export_dtype)
        data = self.recipe.data
        save_checkpoint(net, partial_name, dtype=dtype, sizes=data.last_sizes or data.sizes)
        partial_name.replace(self.folder / WEIGHTS)
        # Last: a state that says that the run is done must not lie beside older weights.
        save_state(self.folder / STATE, self.step, self.recipe, self.net, self.average, self.optimiser)


def _in_float(out: TrainingOutput) -> TrainingOutput:
    """All maps in float32, in which losses are computed."""
    logits = out.class_logits
    return replace(
        out,
        predictions=[prediction.float() for prediction in out.predictions],
        gradient_predictions=[prediction.float() for prediction in out.gradient_predictions],
        gradient_labels=[label.float() for label in out.gradient_labels],
        class_logits=None if logits is None else logits.float(),
    )


def _keep_depthwise_in_float(net: nn.Module) -> None:
    """Let depthwise convolutions leave autocast: on a CPU their bf16 gradients are slower than float32 ones."""

    def in_float(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(x.float())

    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = partial(in_float, module.forward)  # type: ignore[method-assign]
