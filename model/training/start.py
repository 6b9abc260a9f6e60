"""The network that a run begins with."""

import pickle
from dataclasses import replace
from pathlib import Path

import timm
import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.checkpoint import load_checkpoint
from birefnet_video.model.config import preset
from birefnet_video.model.preprocess import MEAN, STD
from birefnet_video.model.training.recipe import ModelSection
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from birefnet_video.errors import CheckpointError, UsageError

#: Value of ``model.encoder`` that fetches ImageNet weights through timm.
FETCH = "imagenet"
#: Our backbone -> timm's name of the weights that the reference starts from.
_IMAGENET = {
    "swin_v1_t": "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k",
    "swin_v1_s": "swin_small_patch4_window7_224.ms_in22k_ft_in1k",
    "swin_v1_b": "swin_base_patch4_window12_384.ms_in22k_ft_in1k",
    "swin_v1_l": "swin_large_patch4_window12_384.ms_in22k_ft_in1k",
}


def build_network(section: ModelSection, categories: int) -> BiRefNet:
    """A network in training mode on the CPU, with the weights that ``section`` names.

    Args:
        section: of the recipe.
        categories: of the training pictures; the class head gets as many outputs.

    Raises:
        UsageError: for an unknown architecture, or a class head without categories.
        CheckpointError: if weights cannot be read or do not fit.
    """
    if section.classification and not categories:
        raise UsageError("model.classification: no picture is named as in DIS5K (n#group#n#category#n#name)")
    if section.init:
        net = load_checkpoint(Path(section.init).expanduser(), patch_order=section.patch_order)
        fits = net.localization.classifier is not None and net.config.categories == categories
        if section.classification and not fits:
            net = _with_classifier(net, categories)
        return net.train()
    try:
        config = preset(section.architecture, auxiliary_classification=section.classification)
    except ValueError as error:
        raise UsageError(f"model.architecture: {error}") from None
    if section.classification:
        config = replace(config, categories=categories)
    net = BiRefNet(config)
    if section.encoder:
        _load_encoder(net, section)
    return net.train()


def _with_classifier(net: BiRefNet, categories: int) -> BiRefNet:
    """The same network with a new class head."""
    config = replace(net.config, auxiliary_classification=True, categories=categories)
    grown = BiRefNet(config)
    kept = {key: value for key, value in net.state_dict().items() if not key.startswith("localization.classifier.")}
    grown.load_state_dict(kept, strict=False)
    grown.patch_order = net.patch_order
    return grown


def _load_encoder(net: BiRefNet, section: ModelSection) -> None:
    """Bring trained weights into the backbone; the first layer accounts for inputs that they were not trained on."""
    encoder = net.localization.backbone
    weights = _imagenet(net.config.backbone) if section.encoder == FETCH else _read(Path(section.encoder).expanduser())
    own = encoder.state_dict()
    prefix = next((p for p in ("", "model.", "swin.") if any(p + key in own for key in weights)), "")
    fitting = {prefix + key: value for key, value in weights.items() if prefix + key in own}
    missing = [
        key
        for key in own
        if key not in fitting and not key.endswith(("num_batches_tracked", "relative_position_index"))
    ]
    # The norms behind a transformer's stages belong to the network, not to the classifier it was cut from.
    missing = [key for key in missing if not key.split(".")[0].startswith(("norm", "norms"))]
    wrong = [key for key, value in fitting.items() if value.shape != own[key].shape]
    if missing or wrong:
        raise CheckpointError(f"{section.encoder}: does not fit {net.config.backbone}: {', '.join(missing + wrong)}")
    encoder.load_state_dict(fitting, strict=False)
    if (section.encoder_mean, section.encoder_std) != (MEAN, STD):
        _renormalise(encoder, section)


def _imagenet(backbone: str) -> dict[str, Tensor]:
    name = _IMAGENET.get(backbone)
    if name is None:
        raise UsageError(f"model.encoder: no ImageNet weights are known for {backbone}", hint="give a file")
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{name}: cannot be fetched: {reason}", hint="give model.encoder a file") from None


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, SafetensorError, RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {str(error).splitlines()[0]}") from None


def _renormalise(encoder: nn.Module, section: ModelSection) -> None:
    """Let the first convolution and its BatchNorm expect ImageNet-normalised pictures instead of ``section``'s."""
    convolution = next(module for module in encoder.modules() if isinstance(module, nn.Conv2d))
    norm = next((module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)), None)
    mean, std = torch.tensor(section.encoder_mean), torch.tensor(section.encoder_std)
    ours_mean, ours_std = torch.tensor(MEAN), torch.tensor(STD)
    # x * ours_std + ours_mean is the picture; (picture - mean) / std is what the weights were trained on.
    scale, shift = (ours_std / std).view(1, 3, 1, 1), ((ours_mean - mean) / std).view(1, 3, 1, 1)
    with torch.no_grad():
        offset = (convolution.weight * shift).sum(dim=(1, 2, 3))
        convolution.weight.mul_(scale)
        if convolution.bias is not None:
            convolution.bias.add_(offset)
        elif norm is not None and norm.running_mean is not None:
            norm.running_mean.sub_(offset)
        else:
            raise CheckpointError(f"{section.encoder}: its first layer cannot take other means; give ImageNet's")
