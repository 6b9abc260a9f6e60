"""Runs: the loss falls, an interrupted run ends like an uninterrupted one, and what is left behind is usable."""

import copy
import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import ready
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from birefnet_video.model.config import preset
from birefnet_video.model.training import HybridLoss, LossParts
from birefnet_video.model.training.optimiser import frozen_norms
from birefnet_video.model.training.processes import Processes
from birefnet_video.model.training.recipe import Recipe
from birefnet_video.model.training.recipe_toml import load_recipe
from birefnet_video.model.training.trainer import NotFinite, Progress, Trainer
from old_order import as_old_file, write_without_order
from pictures import make_set
from safetensors.torch import load_file
from timm.layers import convert_sync_batchnorm
from wait import until

from birefnet_video.cli import main
from birefnet_video.errors import CheckpointError, UsageError
from birefnet_video.zoo.files import weights_path
from birefnet_video.zoo.sizes import input_size

ROOT = Path(__file__).parents[2]
ALONE = Processes(0, 1, torch.device("cpu"))


def recipe(root: Path, *overrides: str) -> Recipe:
    small = ["data.sizes=[[64, 64]]", "data.batch_size=4", "data.workers=0", "run.preview_every=0", "data.sets=discs"]
    none = ["data.composites=0.0", "data.cutouts={}", "data.places=[]"]
    return load_recipe("smoke", [*small, *none, f"data.root={str(root)!r}", "run.steps=12", *overrides])


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_the_loss_falls_and_the_weights_load(tmp_path: Path) -> None:
    make_set(tmp_path)
    seen: list[Progress] = []
    out = tmp_path / "run"
    plan = recipe(tmp_path, "run.steps=30", "run.preview_every=15", "run.export_dtype=float16")
    assert Trainer(plan, out, ALONE, on_progress=seen.append).run()
    found = losses(out)
    assert len(found) == 30 and sum(found[-5:]) < 0.7 * sum(found[:5])
    assert [progress.step for progress in seen] == list(range(1, 31))
    assert sorted(path.name for path in (out / "previews").iterdir()) == ["step-0000015.jpg", "step-0000030.jpg"]
    net = load_checkpoint(out / "model.safetensors")
    assert net.config.backbone == "efficientnet_lite0" and not net.training
    assert load_recipe(out / "recipe.toml") == plan


@pytest.mark.parametrize("extra", [(), ("run.average=0.0",), ("optimiser.accumulate=3",)], ids=["ema", "plain", "sum"])
def test_a_stopped_run_goes_on_as_if_it_had_not(tmp_path: Path, extra: tuple[str, ...]) -> None:
    make_set(tmp_path)
    plan = recipe(tmp_path, "run.steps=9", "run.save_every=3", *extra)
    assert Trainer(plan, tmp_path / "whole", ALONE).run()
    first = Trainer(plan, tmp_path / "parts", ALONE, on_progress=lambda p: first.stop() if p.step == 5 else None)
    assert not first.run()
    notices: list[str] = []
    second = Trainer(plan, tmp_path / "parts", ALONE, on_notice=notices.append)
    assert second.step in (5, 6) and "going on" in notices[0]
    assert second.run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    make_set(tmp_path)
    options = ["data.sets=discs", "data.sizes=[[64, 64]]", "data.workers=0", "data.composites=0.0", "data.cutouts={}"]
    options += ["data.places=[]", "run.steps=24", "run.save_every=3"]

    def words(out: str) -> list[str]:
        return ["train", "smoke", "--data", str(tmp_path), "--out", str(tmp_path / out), *options]

    assert ready.run(*words("whole")).returncode == 0
    victim = subprocess.Popen(
        [sys.executable, "-m", "birefnet_video", *words("killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    state = tmp_path / "killed" / "state.pt"
    until(state.exists)
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    again = ready.run(*words("killed"))
    assert again.returncode == 0 and "going on after step" in again.stderr, again.stderr
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


@pytest.mark.slow
def test_ctrl_c_saves(tmp_path: Path) -> None:
    make_set(tmp_path)
    options = ["data.sets=discs", "data.sizes=[[64, 64]]", "data.composites=0.0", "data.cutouts={}", "data.places=[]"]
    program = [sys.executable, "-m", "birefnet_video", "train", "smoke", "--data", str(tmp_path)]
    command = [*program, "--out", str(tmp_path / "run"), *options, "run.steps=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as victim:
        assert victim.stderr is not None
        for line in victim.stderr:
            if line.startswith("step "):
                break
        victim.send_signal(signal.SIGINT)
        rest = victim.stderr.read()
        assert victim.wait() == 130
    assert "stopped after step" in rest and "Traceback" not in rest
    assert (tmp_path / "run" / "state.pt").exists()
    load_checkpoint(tmp_path / "run" / "model.safetensors")


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    make_set(tmp_path)
    Trainer(recipe(tmp_path, "run.steps=1"), tmp_path / "run", ALONE).run()
    with pytest.raises(UsageError, match=r"that run has optimiser\.rate = 0\.001, not 0\.5"):
        Trainer(recipe(tmp_path, "run.steps=1", "optimiser.rate=0.5"), tmp_path / "run", ALONE)
    (tmp_path / "run" / "state.pt").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match="cannot be read as the state of a run"):
        Trainer(recipe(tmp_path, "run.steps=1"), tmp_path / "run", ALONE)


def test_a_run_that_explodes_keeps_its_last_good_weights(tmp_path: Path) -> None:
    make_set(tmp_path)
    trainer = Trainer(recipe(tmp_path, "run.steps=60"), tmp_path / "run", ALONE)
    with torch.no_grad():
        next(trainer.net.reconstruction.parameters()).fill_(float("inf"))
    before = {key: value.clone() for key, value in trainer.net.state_dict().items()}
    with pytest.raises(NotFinite, match="20 batches in a row; last good step: 0"):
        trainer.run()
    assert all(torch.equal(value, before[key]) for key, value in trainer.net.state_dict().items())
    assert not (tmp_path / "run" / "state.pt").exists()


def test_a_single_bad_batch_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_set(tmp_path)
    trainer = Trainer(recipe(tmp_path, "run.steps=6"), tmp_path / "run", ALONE)
    real = HybridLoss.__call__

    def sometimes(self: HybridLoss, *arguments: object, **options: object) -> LossParts:
        parts = real(self, *arguments, **options)  # type: ignore[arg-type]
        return replace(parts, total=parts.total * float("nan")) if trainer.step == 2 else parts

    monkeypatch.setattr(HybridLoss, "__call__", sometimes)
    assert trainer.run()
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "run").values() if value.is_floating_point())
    assert len(losses(tmp_path / "run")) == 5


def test_a_crash_between_steps_of_the_optimiser_changes_nothing(tmp_path: Path) -> None:
    make_set(tmp_path)
    plan = recipe(tmp_path, "run.steps=9", "run.save_every=2", "optimiser.accumulate=3")
    Trainer(plan, tmp_path / "whole", ALONE).run()

    def crash(progress: Progress) -> None:
        if progress.step == 5:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        Trainer(plan, tmp_path / "parts", ALONE, on_progress=crash).run()
    again = Trainer(plan, tmp_path / "parts", ALONE)
    assert again.step == 3
    again.run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_sharing_norms_between_processes_keeps_their_activations(tmp_path: Path) -> None:
    """Torch's own conversion drops what timm fuses into its norms."""
    net = BiRefNet(preset("tiny")).eval()
    shared = convert_sync_batchnorm(copy.deepcopy(net))
    assert len(list(frozen_norms(shared))) == len(list(frozen_norms(net))) == 48
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        for one, other in zip(net.localization.backbone.modules(), shared.localization.backbone.modules(), strict=True):
            assert isinstance(getattr(one, "act", None), type(getattr(other, "act", None)))
        assert net(x).shape == (2, 1, 64, 64)


def test_the_weights_remember_their_size(tmp_path: Path) -> None:
    make_set(tmp_path)
    Trainer(recipe(tmp_path, "run.steps=1"), tmp_path / "one", ALONE).run()
    one = str(tmp_path / "one" / "model.safetensors")
    assert input_size(one, 1920, 1080) == (64, 64)
    several = recipe(tmp_path, "run.steps=1", "data.sizes=[[64, 128], [128, 64]]")
    Trainer(several, tmp_path / "several", ALONE).run()
    assert input_size(str(tmp_path / "several" / "model.safetensors"), 1000, 1000) == (96, 96)


def test_fine_tuning_begins_with_the_given_weights(tmp_path: Path) -> None:
    make_set(tmp_path)
    Trainer(recipe(tmp_path, "run.steps=2", "run.average=0.0"), tmp_path / "first", ALONE).run()
    begin = tmp_path / "first" / "model.safetensors"
    trainer = Trainer(recipe(tmp_path, f"model.init={str(begin)!r}"), tmp_path / "second", ALONE)
    expected = load_checkpoint(begin).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in trainer.net.state_dict().items())


def test_fine_tuning_reads_a_file_of_the_old_patch_order_as_such_and_says_so(tmp_path: Path) -> None:
    make_set(tmp_path)
    net = load_checkpoint(weights_path("tiny"), patch_order="current")
    begin = write_without_order(as_old_file(net), tmp_path / "old.safetensors")
    told: list[str] = []
    plan = recipe(tmp_path, f"model.init={str(begin)!r}", "run.steps=1")
    trainer = Trainer(plan, tmp_path / "found", ALONE, on_notice=told.append)
    assert all(torch.equal(a, b) for a, b in zip(trainer.net.parameters(), net.parameters(), strict=True))
    assert len(told) == 1 and told[0].startswith("old.safetensors: patch order legacy (")
    trainer.run()
    assert "as its file says" in load_checkpoint(tmp_path / "found" / "model.safetensors").patch_order_note
    words = ["train", "smoke", "--data", str(tmp_path), "--out", str(tmp_path / "asked"), "--init", str(begin), "-q"]
    sizes = ["data.sets=discs", "data.sizes=[[64, 64]]", "data.composites=0.0", "data.cutouts={}", "data.places=[]"]
    rest = ["run.steps=1", "data.workers=0", "run.preview_every=0", "--device", "cpu", "--patch-order", "current"]
    with pytest.raises(SystemExit, match="0"):
        main([*words, *sizes, *rest])
    assert load_recipe(tmp_path / "asked" / "recipe.toml").model.patch_order == "current"


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    make_set(tmp_path)
    plan = recipe(tmp_path, "run.steps=3", 'model.frozen=[""]', "model.frozen_statistics=true")
    trainer = Trainer(plan, tmp_path / "run", ALONE)
    backbone = trainer.net.localization.backbone
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    trainer.run()
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_half_precision_trains_too(tmp_path: Path) -> None:
    make_set(tmp_path)
    plan = recipe(tmp_path, "run.steps=20", "run.precision=bf16")
    Trainer(plan, tmp_path / "run", ALONE).run()
    found = losses(tmp_path / "run")
    assert len(found) == 20 and sum(found[-5:]) < sum(found[:5])


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    make_set(tmp_path)
    options = ["data.sets=discs", "data.sizes=[[64, 64]]", "data.composites=0.0", "data.cutouts={}", "data.places=[]"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["-m", "birefnet_video", "train", "smoke", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    ran = subprocess.run(
        [*launcher, *arguments, "--device", "cpu", *options, "run.steps=4", "run.save_every=2", "data.workers=0"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert len(losses(tmp_path / "run")) == 4
    load_checkpoint(tmp_path / "run" / "model.safetensors")


def test_recipes_that_cannot_mean_it_are_refused(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(UsageError, match="no parameter of the backbone begins with 'nothing'"):
        Trainer(recipe(tmp_path, 'model.frozen=["nothing"]'), tmp_path / "run", ALONE)
    with pytest.raises(UsageError, match="has no end"):
        Trainer(recipe(tmp_path, "run.steps=0"), tmp_path / "run", ALONE)
