"""Loss terms and their sum give the reference's numbers; the sound forms do what they promise."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from birefnet_video.model.birefnet import TrainingOutput
from birefnet_video.model.training import HybridLoss, losses
from birefnet_video.model.training.hybrid import TERMS
from official import DATA
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

RELATIVE = 1e-5
VECTORS = np.load(DATA / "losses.npz")
EXPECTED = json.loads((DATA / "losses-results.json").read_text())
#: Our term -> the reference's name for it.
NAMES = {
    "bce": "bce",
    "iou": "iou_sum_over_batch",
    "ssim": "ssim",
    "mae": "mae",
    "mse": "mse",
    "contour": "contour",
    "structure": "structure(on sigmoid input, as PixLoss would call it)",
    "patch_iou": "iou_patch",
}


def prediction(i: int) -> torch.Tensor:
    return torch.from_numpy(VECTORS[f"pred{i}_logits"])


def output(*, classes: bool = False, gradients: bool = False) -> TrainingOutput:
    return TrainingOutput(
        predictions=[prediction(i) for i in range(4)],
        gradient_predictions=[torch.from_numpy(VECTORS[f"gdt_pred{i}"]) for i in range(3 if gradients else 0)],
        gradient_labels=[torch.from_numpy(VECTORS[f"gdt_label{i}"]) for i in range(3 if gradients else 0)],
        class_logits=torch.from_numpy(VECTORS["cls_logits"]) if classes else None,
    )


@pytest.mark.parametrize("truth", ["gt", "gt_binary"])
@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("term", NAMES)
def test_single_terms(term: str, i: int, truth: str) -> None:
    target = torch.from_numpy(VECTORS[truth])
    logits = F.interpolate(prediction(i), size=target.shape[2:], mode="bilinear", align_corners=True)
    alpha = torch.sigmoid(logits)
    found = {
        "bce": lambda: losses.bce(logits, target),
        "structure": lambda: losses.structure(alpha, target),
        "iou": lambda: losses.iou(alpha, target, faithful=True),
        "patch_iou": lambda: losses.patch_iou(alpha, target, faithful=True),
    }.get(term, lambda: getattr(losses, term)(alpha, target))()
    assert found.item() == pytest.approx(EXPECTED["raw"][f"{truth}|pred{i}"][NAMES[term]], rel=RELATIVE)


@pytest.mark.parametrize("truth", ["gt", "gt_binary"])
@pytest.mark.parametrize("task", ["DIS5K", "General", "Matting"])
def test_totals_of_the_tasks(task: str, truth: str) -> None:
    parts = HybridLoss(task, faithful=True)(output(), torch.from_numpy(VECTORS[truth]))
    assert parts.total.item() == pytest.approx(EXPECTED[f"{task}|{truth}"]["total"], rel=RELATIVE)
    shares = EXPECTED[f"{task}|{truth}"]["loss_dict"]
    assert set(parts.terms) == set(shares)


def test_class_and_gradient_terms() -> None:
    labels = torch.from_numpy(VECTORS["cls_target"])
    parts = HybridLoss(faithful=True)(
        output(classes=True, gradients=True), torch.from_numpy(VECTORS["gt"]), class_labels=labels
    )
    assert parts.classification.item() == pytest.approx(EXPECTED["cls_loss(5*CE)"], rel=RELATIVE)
    assert parts.gradient.item() == pytest.approx(float(VECTORS["loss_gdt"]), rel=RELATIVE)
    assert parts.total.item() == pytest.approx((parts.pixel + parts.classification + parts.gradient).item())


def test_gradient_of_the_loss() -> None:
    out = output()
    out.predictions[3].requires_grad_(True)
    HybridLoss("DIS5K", faithful=True)(out, torch.from_numpy(VECTORS["gt"])).total.backward()
    found, expected = out.predictions[3].grad.numpy(), VECTORS["grad_pixloss_DIS5K_pred3"]
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_empty_pairs() -> None:
    empty, full = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    assert torch.isnan(losses.iou(empty, empty, faithful=True))
    assert losses.iou(empty, empty).item() == 0
    assert losses.patch_iou(empty, empty).item() == 0
    for pair, name in (((empty, empty), "zero_zero"), ((empty, full), "zero_one"), ((full, full), "one_one")):
        assert losses.ssim(*pair).item() == pytest.approx(EXPECTED["degenerate"][name]["ssim"], rel=RELATIVE, abs=1e-7)
    assert losses.iou(empty, full, faithful=True).item() == EXPECTED["degenerate"]["zero_one"]["iou"]


def test_the_sound_iou_does_not_depend_on_the_batch() -> None:
    target, alpha = torch.from_numpy(VECTORS["gt"]), torch.sigmoid(prediction(3))
    twice = losses.iou(alpha.repeat(2, 1, 1, 1), target.repeat(2, 1, 1, 1))
    assert twice.item() == pytest.approx(losses.iou(alpha, target).item(), rel=1e-6)


@pytest.mark.parametrize("faithful", [True, False])
def test_only_the_reference_lets_gradients_through_the_gradient_label(faithful: bool) -> None:
    out = output(gradients=True)
    for label in out.gradient_labels:
        label.requires_grad_(True)
    parts = HybridLoss(faithful=faithful)(out, torch.from_numpy(VECTORS["gt"]))
    assert parts.gradient.requires_grad == faithful


@pytest.mark.parametrize("term", ["bce", "mae", "mse", "iou", "patch_iou", "ssim", "structure", "contour"])
def test_unknown_pixels_do_not_count(term: str) -> None:
    torch.manual_seed(0)
    known = torch.ones(2, 1, 96, 96)
    known[..., 40:] = 0
    target = torch.rand(2, 1, 96, 96).round()
    values = torch.randn(2, 1, 96, 96) if term in ("bce", "structure") else torch.rand(2, 1, 96, 96)
    if term == "structure":
        target[..., 20:] = 0
    changed = torch.where(known > 0, values, values.flip(3) * 0.5)
    function = getattr(losses, term)
    if term == "contour":
        # A difference between a known and an unknown pixel counts with the known one.
        changed[..., 40:42] = values[..., 40:42]
    assert function(values, target, known).item() == pytest.approx(function(changed, target, known).item(), rel=1e-6)


def test_terms_fade_in_the_last_epochs() -> None:
    loss = HybridLoss("General")
    target = torch.from_numpy(VECTORS["gt"])
    loss.begin_epoch(80, 100)
    before = loss(output(), target).terms
    loss.begin_epoch(82, 100)
    after = loss(output(), target).terms
    assert "bce" not in after
    assert after["iou"] == pytest.approx(before["iou"] * 0.25)
    assert after["mae"] == pytest.approx(before["mae"] * 0.81)
    assert after["ssim"] == before["ssim"]


def test_nothing_is_read_from_the_device_before_all_of_it_is_told() -> None:
    """Every number that is read makes the host wait for what the device has still to do."""
    read: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten._local_scalar_dense.default:
                read.append(str(func))
            return func(*args, **(kwargs or {}))

    labels, weights = torch.from_numpy(VECTORS["cls_target"]), dict.fromkeys(TERMS, 1.0)
    with Watch():
        parts = HybridLoss(weights=weights)(
            output(classes=True, gradients=True), torch.from_numpy(VECTORS["gt"]), class_labels=labels
        )
    assert not read
    told = parts.told()
    assert set(told) == {"loss", "pixel", "classification", "gradient", *TERMS}
    assert told["loss"] == pytest.approx(parts.total.item()) and told["iou"] == pytest.approx(parts.terms["iou"].item())


def test_pictures_of_no_known_class_add_nothing() -> None:
    unknown = torch.full_like(torch.from_numpy(VECTORS["cls_target"]), -1)
    parts = HybridLoss()(output(classes=True), torch.from_numpy(VECTORS["gt"]), class_labels=unknown)
    assert parts.classification.item() == 0


def test_a_short_run_begins_with_all_terms() -> None:
    loss = HybridLoss("DIS5K")
    loss.begin_epoch(1, 10)
    assert loss(output(), torch.from_numpy(VECTORS["gt"])).terms["iou"] > 0.4
    loss.begin_epoch(1, 10, fine_tuning=0)
    assert "bce" in loss(output(), torch.from_numpy(VECTORS["gt"])).terms


def test_wrong_names_are_told() -> None:
    with pytest.raises(ValueError, match="no task called 'Cows'; there are: DIS5K"):
        HybridLoss("Cows")
    with pytest.raises(ValueError, match="no loss term called 'dice'"):
        HybridLoss(weights={"dice": 1})
