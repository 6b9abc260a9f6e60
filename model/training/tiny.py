"""Train the bundled network: ``python -m birefnet_video.model.training.tiny --help``.

The data and their licences are named in ``model/weights/MODEL_CARD.md``.
"""

import argparse
import copy
import math
import time
from pathlib import Path
from typing import Any

import torch
from birefnet_video.model.birefnet import BiRefNet, TrainingOutput, laplacian
from birefnet_video.model.checkpoint import save_checkpoint
from birefnet_video.model.config import preset
from birefnet_video.model.preprocess import MEAN, STD, normalise
from birefnet_video.model.training.judge import judge_folder
from birefnet_video.model.training.losses import masked_bce, masked_l1, soft_iou, ssim_loss
from birefnet_video.model.training.pictures import Pictures, Source
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

#: Learning rates of the decoder and of the pretrained encoder, reached after the warm-up.
_RATE, _ENCODER_RATE = 2e-3, 3e-4
_WARM_UP_STEPS = 80
_EMA_DECAY = 0.995
#: Least agreement of an automatic label with the second network.
_TRUST = 0.45
#: Sets whose automatic labels are checked: about one in five of these is bad.
_VETTED = ("objects",)
#: Most subject pixels that the second network may see in an empty background.
_EMPTY = 0.02
#: Encoder stages that stay as they were trained on ImageNet.
_FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")


def find_pictures(data: Path, cutouts: list[Path], judge: Path, scores: Path, steps: int, seed: int) -> Pictures:
    """The sources of MODEL_CARD.md in the folders ``data/<set>/{im,gt,teacher,trimap}``."""
    scores.mkdir(parents=True, exist_ok=True)
    shares = {
        "persons": 0.26,
        "pets": 0.2,
        "animals": 0.1,
        "faces": 0.1,
        "clothing": 0.1,
        "street": 0.08,
        "objects": 0.16,
    }
    sources = []
    for name, share in shares.items():
        folder = data / name
        kind = next(k for k in ("gt", "teacher", "trimap") if (folder / k).is_dir())
        pairs = [(p, folder / kind / f"{p.stem}.png") for p in sorted((folder / "im").iterdir())]
        if name in _VETTED:
            trust = judge_folder(judge, folder / "im", folder / kind, scores / f"{name}.json")
            pairs = [pair for pair in pairs if trust[pair[0].stem] >= _TRUST]
        sources.append(Source(tuple(pairs), share, is_trimap=kind == "trimap", cuttable=kind != "trimap"))
    pasted = [Source(tuple((p, None) for p in sorted(folder.glob("*.png"))), 0.0) for folder in cutouts]
    seen = judge_folder(judge, data / "backgrounds" / "im", None, scores / "backgrounds.json")
    backgrounds = [p for p in sorted((data / "backgrounds" / "im").iterdir()) if seen[p.stem] <= _EMPTY]
    return Pictures(sources, pasted, backgrounds, steps, seed)


def load_encoder(net: BiRefNet, path: Path) -> None:
    """Bring ImageNet weights for inputs in [-1, 1] into a network whose inputs are ImageNet-normalised."""
    weights = load_file(path)
    encoder = net.localization.backbone
    stem = weights["conv_stem.weight"]
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    # x * std + mean lies in [0, 1]; 2 * that - 1 is what the stem was trained on.
    weights["conv_stem.weight"] = stem * 2 * std
    weights["bn1.running_mean"] -= (stem * (2 * mean - 1)).sum(dim=(1, 2, 3))
    missing, _ = encoder.load_state_dict(weights, strict=False)
    if missing:
        raise ValueError(f"{path}: lacks {', '.join(missing)}")


def total_loss(out: TrainingOutput, image: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Supervision of every prediction, and of the gradient features by the picture's gradient inside the object."""
    final = out.predictions[-1]
    alpha = torch.sigmoid(final)
    loss = masked_bce(final, target, known) + 0.7 * soft_iou(alpha, target, known) + masked_l1(alpha, target, known)
    loss = loss + 0.4 * ssim_loss(alpha * known, target * known)
    edges = laplacian(image.mean(dim=1, keepdim=True)).abs() * target
    for side, gradient in zip(out.predictions[:-1], out.gradient_predictions, strict=True):
        size = (side.shape[2], side.shape[3])
        small_target, small_known = F.adaptive_avg_pool2d(target, size), F.adaptive_avg_pool2d(known, size)
        loss = loss + 0.4 * masked_bce(side, small_target, small_known)
        loss = loss + 0.3 * soft_iou(torch.sigmoid(side), small_target, small_known)
        small_edges = F.adaptive_avg_pool2d(edges, size).mul(4).clamp(0, 1)
        loss = loss + 0.3 * F.binary_cross_entropy_with_logits(gradient, small_edges)
    return loss


class _Average:
    """Exponential moving average of all weights; the short memory at the start keeps random weights out."""

    def __init__(self, net: BiRefNet) -> None:
        self.net: BiRefNet = copy.deepcopy(net)
        self.steps = 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        decay = min(_EMA_DECAY, self.steps / (self.steps + 10))
        for own, new in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
            if own.is_floating_point():
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)


def _freeze_statistics(encoder: nn.Module) -> None:
    """Keep the encoder's BatchNorm statistics: some of its channels are dead, which batch statistics amplify."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def train(pictures: Pictures, encoder: Path, out: Path, seed: int) -> None:
    """Run all steps of ``pictures`` and write the averaged weights to ``out`` in float16."""
    torch.manual_seed(seed)
    net = BiRefNet(preset("tiny")).to(memory_format=torch.channels_last)
    load_encoder(net, encoder)
    backbone = net.localization.backbone
    for name, parameter in backbone.named_parameters():
        if name.startswith(_FROZEN):
            parameter.requires_grad_(False)
    encoder_weights = [p for p in backbone.parameters() if p.requires_grad]
    own = {id(p) for p in backbone.parameters()}
    groups = [
        {"params": encoder_weights, "lr": _ENCODER_RATE, "peak": _ENCODER_RATE},
        {"params": [p for p in net.parameters() if id(p) not in own], "lr": _RATE, "peak": _RATE},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-2)
    average = _Average(net)
    net.train()
    _freeze_statistics(backbone)
    loader: DataLoader[Any] = DataLoader(pictures, batch_size=None, num_workers=1, prefetch_factor=4)  # type: ignore[arg-type]
    started, seen, mean_loss = time.monotonic(), 0, 0.0
    for step, (rgb, alpha, known) in enumerate(loader):
        warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * step / len(pictures)))
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * warm * max(cosine, 0.01)
        image = normalise(rgb.permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        target, mask = (x.unsqueeze(1).float() / 255 for x in (alpha, known))
        loss = total_loss(net(image), image, target, mask)
        optimiser.zero_grad(set_to_none=True)
        if not torch.isfinite(loss):
            print(f"step {step}: loss is not finite, batch left out", flush=True)
            continue
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        average.update(net)
        seen += len(rgb)
        mean_loss = loss.item() if step == 0 else 0.98 * mean_loss + 0.02 * loss.item()
        if step % 20 == 0:
            rate = seen / (time.monotonic() - started)
            print(f"step {step}/{len(pictures)} loss {mean_loss:.4f} {rate:.1f} pictures/s", flush=True)
        if step % 200 == 199 or step == len(pictures) - 1:
            save_checkpoint(average.net, out, dtype=torch.float16)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with persons, pets, animals, ...")
    parser.add_argument("--cutouts", type=Path, nargs="*", default=[], help="folders of RGBA PNGs")
    parser.add_argument("--encoder", type=Path, required=True, help="EfficientNet-Lite0 .safetensors, timm's names")
    parser.add_argument("--judge", type=Path, required=True, help="U2Netp .onnx that vets automatic labels")
    parser.add_argument("--scores", type=Path, required=True, help="folder where its verdicts are kept")
    parser.add_argument("--out", type=Path, required=True, help="weights to write")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pictures = find_pictures(options.data, options.cutouts, options.judge, options.scores, options.steps, options.seed)
    train(pictures, options.encoder, options.out, options.seed)


if __name__ == "__main__":
    main()
