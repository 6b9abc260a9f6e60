"""A whole training step gives the reference's losses, gradients and updated weights."""

from collections.abc import Iterator
from pathlib import Path

import fill
import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, TrainingOutput, load_checkpoint
from birefnet_video.model.official import to_official
from birefnet_video.model.training import HybridLoss, LossParts
from official import DATA, official_weights
from safetensors.torch import save_file
from timm.layers import DropPath
from torch import nn

#: Tolerances of the reference's own noise, see the vectors' README.
OUTPUT_MAX, LOSS_RELATIVE, GRADIENT_MEDIAN = 5e-3, 2e-5, 0.02
#: Adam's first step is almost the sign of the gradient, so that noise near zero counts in full: with other kernels of
#: the same library our own loss after it differs by 0.5 %.
AFTER_RELATIVE = 1e-2
EXACT = 1e-6
ZERO = 1e-9

Vectors = np.lib.npyio.NpzFile


def network(folder: Path, dtype: torch.dtype) -> BiRefNet:
    path = folder / "aux.safetensors"
    save_file(official_weights("swin_v1_t-aux"), path)
    net = load_checkpoint(path, patch_order="current").to(dtype).train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
    return net


def step(net: BiRefNet, vectors: Vectors, dtype: torch.dtype) -> tuple[TrainingOutput, LossParts]:
    out = net(fill.to_input(vectors["image_u8"]).to(dtype))
    assert isinstance(out, TrainingOutput)
    target, labels = torch.from_numpy(vectors["gt"]).to(dtype), torch.from_numpy(vectors["class_labels"])
    return out, HybridLoss("DIS5K", faithful=True)(out, target, labels)


def named_gradients(net: BiRefNet) -> Iterator[tuple[str, np.ndarray]]:
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        yield to_official(name, net.config.backbone), parameter.grad.numpy()


def ordered_norms(net: BiRefNet, keys: list[str]) -> np.ndarray:
    found = {name: float(np.linalg.norm(gradient.astype(np.float64))) for name, gradient in named_gradients(net)}
    return np.array([found[key] for key in keys])


def parameter_keys() -> list[str]:
    """Official names of the parameters in the order of the vectors, which is that of the checkpoint."""
    buffers = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index", "attn_mask")
    return [key for key in official_weights("swin_v1_t-aux") if not key.endswith(buffers)]


def relative(found: float, expected: float) -> float:
    return abs(found - expected) / abs(expected)


def test_a_step_in_float32(tmp_path: Path) -> None:
    vectors = np.load(DATA / "train-swin_v1_t-192x256-b2.npz")
    net = network(tmp_path, torch.float32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4 * 2**0.5, weight_decay=1e-2)
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    out, parts = step(net, vectors, torch.float32)
    for found, name in zip(out.predictions, ("m4", "m3", "m2", "p1"), strict=True):
        assert np.abs(found.detach().numpy() - vectors[name]).max() <= OUTPUT_MAX, name
    for found, level in zip(out.gradient_predictions, (4, 3, 2), strict=True):
        assert np.abs(found.detach().numpy() - vectors[f"gdt_pred_{level}"]).max() <= OUTPUT_MAX
    for found, level, stride in zip(out.gradient_labels, (4, 3, 2), (1, 4, 4), strict=True):
        label = found.detach().numpy()[:1, :, ::stride, ::stride]
        assert np.abs(label - vectors[f"gdt_label_{level}"]).max() <= OUTPUT_MAX
    assert out.class_logits is not None
    assert np.abs(out.class_logits.detach().numpy() - vectors["class_preds"]).max() <= OUTPUT_MAX
    for part, name in ((parts.total, "total"), (parts.pixel, "pix"), (parts.classification, "cls")):
        assert relative(part.item(), float(vectors[f"loss_{name}"])) <= LOSS_RELATIVE, name
    assert relative(parts.gradient.item(), float(vectors["loss_gdt"])) <= LOSS_RELATIVE
    state = {to_official(key, "swin_v1_t"): value for key, value in net.state_dict().items()}
    for name in (key for key in vectors.files if key.startswith("bn_after|")):
        assert np.allclose(state[name.removeprefix("bn_after|")].numpy(), vectors[name], rtol=1e-3, atol=1e-4), name

    parts.total.backward()
    keys = parameter_keys()
    norms = ordered_norms(net, keys)
    assert np.median(np.abs(norms - vectors["grad_norm"]) / vectors["grad_norm"]) <= GRADIENT_MEDIAN
    optimiser.step()
    moved = {
        to_official(name, "swin_v1_t"): (parameter.detach() - before[name]).abs().mean().item()
        for name, parameter in net.named_parameters()
    }
    deltas = np.array([moved[key] for key in keys])
    assert np.median(np.abs(deltas - vectors["adamw_delta_l1mean"]) / vectors["adamw_delta_l1mean"]) <= 1e-3
    _, after = step(net, vectors, torch.float32)
    assert relative(after.total.item(), float(vectors["loss_total_after_1_step"])) <= AFTER_RELATIVE


@pytest.mark.slow
def test_gradients_in_float64_are_exact(tmp_path: Path) -> None:
    vectors = np.load(DATA / "train64-swin_v1_t-128x128-b2.npz")
    net = network(tmp_path, torch.float64)
    out, parts = step(net, vectors, torch.float64)
    for found, name in zip(out.predictions, ("m4", "m3", "m2", "p1"), strict=True):
        assert np.abs(found.detach().numpy() - vectors[name]).max() <= EXACT, name
    assert relative(parts.total.item(), float(vectors["loss_total"])) <= EXACT
    parts.total.backward()
    norms, expected = ordered_norms(net, parameter_keys()), vectors["grad_norm"]
    # A bias before a BatchNorm has no gradient but rounding.
    real = expected > ZERO
    assert np.max(np.abs(norms - expected)[real] / expected[real]) <= EXACT
    assert norms[~real].max() <= ZERO
    found = dict(named_gradients(net))
    for name in (key for key in vectors.files if key.startswith("grad|")):
        gradient = found[name.removeprefix("grad|")]
        assert np.abs(gradient - vectors[name]).max() <= EXACT * np.abs(vectors[name]).max(), name
