"""Batches for training. Sample ``i`` of step ``s`` depends on the seed, ``s`` and ``i`` alone.

So any number of worker processes gives the same training, and a run goes on from any step as if it had never stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from birefnet_video.model.training.augment import finish, fit
from birefnet_video.model.training.composite import Composites, find_composites
from birefnet_video.model.training.optimiser import fall_begins
from birefnet_video.model.training.recipe import Recipe
from birefnet_video.model.training.sets import Pair, PictureSet, Sample, find_set
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from birefnet_video.errors import UsageError
from birefnet_video.pictures.files import PictureError

#: How many other pictures are tried in place of a broken one.
_TRIES = 20
#: Samples that a process needs in a step.
_LEAST_SAMPLES = 2
#: Keys of the independent streams of chance within a step.
_ORDER, _SIZE, _SAMPLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """One process's part of a step."""

    rgb: Tensor
    """uint8 (N, H, W, 3)."""
    alpha: Tensor
    """uint8 (N, H, W)."""
    known: Tensor
    """uint8 (N, H, W), 255 where ``alpha`` counts."""
    classes: Tensor
    """int64 (N,); -1: of no known category."""
    skipped: Sequence[str]
    """What was wrong with pictures that others stand in for."""

    def pin_memory(self) -> "TrainingBatch":
        """The same in page-locked memory; torch's loader asks for it."""
        tensors = ("rgb", "alpha", "known", "classes")
        return replace(self, **{name: getattr(self, name).pin_memory() for name in tensors})


class TrainingData(Dataset[TrainingBatch]):
    """All batches of a run, by step."""

    def __init__(self, recipe: Recipe, *, rank: int = 0, processes: int = 1) -> None:
        """
        Args:
            recipe: ``data``, ``augment`` and the run's seed are read.
            rank: of this process.
            processes: that share each step's samples.

        Raises:
            UsageError: if the recipe names no pictures, or sets and shares do not fit.
            PictureError: if a named set is missing or empty.
        """
        data = recipe.data
        if not data.root or not data.sets:
            raise UsageError("data.root and data.sets name no pictures to train on")
        if data.batch_size < _LEAST_SAMPLES * processes:
            least = _LEAST_SAMPLES * processes
            raise UsageError(f"data.batch_size: {data.batch_size} is less than {least}: BatchNorm needs two a process")
        self.sets = [find_set(Path(data.root), name) for name in data.sets.split("+")]
        self.composites: Composites | None = find_composites(data)
        self.skipped = {file: why for pictures in self.sets for file, why in pictures.skipped.items()}
        self.pairs = [pair for pictures in self.sets for pair in pictures.pairs]
        self.categories = sorted({pair.category for pair in self.pairs if pair.category is not None})
        self._class_of = {name: i for i, name in enumerate(self.categories)}
        self._shares = _shares(self.sets, recipe)
        self.recipe, self.rank, self.processes = recipe, rank, processes
        self.steps_per_epoch = max(1, round(len(self.pairs) / recipe.data.batch_size))

    def __len__(self) -> int:
        """Steps of the whole run."""
        run = self.recipe.run
        return run.steps or run.epochs * self.steps_per_epoch

    def __getitem__(self, step: int) -> TrainingBatch:
        """This process's samples of ``step``."""
        height, width, count = self._size(step)
        samples: list[Sample] = []
        classes: list[int] = []
        skipped: list[str] = []
        for position in range(self.rank, count, self.processes):
            rng = np.random.default_rng((self.recipe.run.seed, _SAMPLE, step, position))
            sample, category = self._draw(step, position, (height, width), rng, skipped)
            samples.append(sample)
            classes.append(self._class_of.get(category, -1) if category is not None else -1)
        return TrainingBatch(
            rgb=torch.from_numpy(np.stack([sample.rgb for sample in samples])),
            alpha=torch.from_numpy(np.stack([sample.alpha for sample in samples])),
            known=torch.from_numpy(np.stack([sample.known for sample in samples])),
            classes=torch.tensor(classes),
            skipped=skipped,
        )

    def _size(self, step: int) -> tuple[int, int, int]:
        """Height, width and number of the samples of a step, over all processes."""
        data = self.recipe.data
        rng = np.random.default_rng((self.recipe.run.seed, _SIZE, step))
        if data.dynamic:
            least, most = (side // 32 for side in data.dynamic)
            height, width = (int(side) * 32 for side in rng.integers(least, most + 1, 2))
            base = ((data.dynamic[0] + data.dynamic[1]) / 2) ** 2
        else:
            is_last = step >= fall_begins(self.recipe.optimiser, len(self))
            sizes = data.last_sizes if is_last and data.last_sizes else data.sizes
            height, width = sizes[rng.integers(len(sizes))]
            base = data.sizes[0][0] * data.sizes[0][1]
        count = max(1, round(data.batch_size * base / (height * width)))
        # Every process needs as many samples as the others, and a BatchNorm more than one.
        return height, width, max(_LEAST_SAMPLES, count // self.processes) * self.processes

    def _draw(
        self, step: int, position: int, size: tuple[int, int], rng: np.random.Generator, skipped: list[str]
    ) -> tuple[Sample, str | None]:
        """One finished sample and its category; a broken picture is named in ``skipped`` and another one taken."""
        settings = self.recipe.augment
        for _ in range(_TRIES):
            try:
                if self.composites is not None and rng.random() < self.recipe.data.composites:
                    sample, category = self.composites.draw(size, settings, rng), None
                else:
                    pair = self._choose(step, position, rng)
                    sample, category = fit(pair.read(), size, settings, rng), pair.category
                return finish(sample, settings, rng), category
            except (PictureError, cv2.error) as error:
                skipped.append(" ".join(str(error).split()))
                position = int(rng.integers(2**31))
        raise PictureError(f"{skipped[-1]}; {_TRIES} pictures one after the other cannot be used")

    def _choose(self, step: int, position: int, rng: np.random.Generator) -> Pair:
        if self._shares is not None:
            pairs = self.sets[rng.choice(len(self.sets), p=self._shares)].pairs
            return pairs[rng.integers(len(pairs))]
        # Without shares every picture comes once an epoch, in an order of that epoch's own.
        index = step * self.recipe.data.batch_size + position
        epoch, place = divmod(index, len(self.pairs))
        order = np.random.default_rng((self.recipe.run.seed, _ORDER, epoch)).permutation(len(self.pairs))
        return self.pairs[order[place]]


def batches(data: TrainingData, start: int, *, pinned: bool = False) -> Iterator[TrainingBatch]:
    """The batches from step ``start`` to the end, read ahead by worker processes.

    Args:
        data: of the run.
        start: first step, from 0.
        pinned: into memory from which a GPU copies while others work.
    """
    workers = data.recipe.data.workers
    loader: DataLoader[TrainingBatch] = DataLoader(
        data,
        batch_size=None,
        sampler=range(start, len(data)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pinned,
    )
    yield from loader


def _shares(sets: Sequence[PictureSet], recipe: Recipe) -> np.ndarray | None:
    """Probability of each set, or ``None`` where every picture counts alike."""
    shares = recipe.data.shares
    if not shares:
        return None
    missing = [pictures.name for pictures in sets if pictures.name not in shares]
    if missing:
        raise UsageError(f"data.shares: nothing for {', '.join(missing)}")
    values = np.array([shares[pictures.name] for pictures in sets])
    if values.min() < 0 or values.sum() <= 0:
        raise UsageError(f"data.shares: {dict(shares)} are no frequencies")
    return values / values.sum()
