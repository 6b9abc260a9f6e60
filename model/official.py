"""The names of the official checkpoints: read an architecture from them and translate them, both ways."""

import re
from collections.abc import Iterable, Mapping

from birefnet_video.model.config import BiRefNetConfig, preset
from torch import Tensor

from birefnet_video.errors import CheckpointError

#: What parallel training and ``torch.compile`` put before every name.
_WRAPPER_PREFIXES = ("module.", "_orig_mod.")

#: Buffers that the reference stores and that we compute.
_DERIVED = re.compile(r"\.relative_position_index$|\.attn_mask$")

_Rule = tuple[str, str]

# Rules are (official, ours).
_STAGES: tuple[_Rule, ...] = tuple(
    rule
    for n in (4, 3, 2, 1)
    for rule in (
        (f"decoder.decoder_block{n}.", f"reconstruction.stages.{4 - n}.block."),
        (f"decoder.ipt_blk{n + 1}.conv1.", f"reconstruction.stages.{4 - n}.inward.conv_in."),
        (f"decoder.ipt_blk{n + 1}.", f"reconstruction.stages.{4 - n}.inward."),
        (f"decoder.lateral_block{n}.conv.", f"reconstruction.stages.{4 - n}.lateral."),
        (f"decoder.conv_ms_spvn_{n}.", f"reconstruction.stages.{4 - n}.side."),
        (f"decoder.gdt_convs_{n}.0.", f"reconstruction.stages.{4 - n}.outward.conv."),
        (f"decoder.gdt_convs_{n}.1.", f"reconstruction.stages.{4 - n}.outward.norm."),
        (f"decoder.gdt_convs_pred_{n}.0.", f"reconstruction.stages.{4 - n}.outward.predict."),
        (f"decoder.gdt_convs_attn_{n}.0.", f"reconstruction.stages.{4 - n}.outward.attend."),
    )
)
_ROOMS: tuple[_Rule, ...] = (
    ("bb.", "localization.backbone."),
    ("squeeze_module.0.", "localization.squeeze."),
    ("cls_head.0.", "localization.classifier."),
    *((f"decoder.pyramid_neck_x{n}.conv.", f"localization.necks.{n - 1}.") for n in range(1, 5)),
    ("decoder.ipt_blk1.conv1.", "reconstruction.head.inward.conv_in."),
    ("decoder.ipt_blk1.", "reconstruction.head.inward."),
    ("decoder.conv_out1.0.", "reconstruction.head.project."),
    *_STAGES,
)
_BLOCK: tuple[_Rule, ...] = (
    (".bn_in.", ".norm_in."),
    (".bn_out.", ".norm_out."),
    (".dec_att.aspp1.", ".aspp.branches.0."),
    *((f".dec_att.aspp_deforms.{i}.", f".aspp.branches.{i + 1}.") for i in range(3)),
    (".dec_att.global_avg_pool.1.", ".aspp.pool.conv."),
    (".dec_att.global_avg_pool.2.", ".aspp.pool.norm."),
    (".dec_att.conv1.", ".aspp.project.conv."),
    (".dec_att.bn1.", ".aspp.project.norm."),
    (".atrous_conv.offset_conv.", ".conv.offset."),
    (".atrous_conv.modulator_conv.", ".conv.modulator."),
    (".atrous_conv.regular_conv.", ".conv.regular."),
)
_BRANCH_NORM: _Rule = (r"(\.aspp\.branches\.\d\.)bn\.", r"\1norm.")
_BRANCH_NORM_BACK: _Rule = (r"(\.dec_att\.aspp(?:1|_deforms\.\d)\.)norm\.", r"\1bn.")


def strip_wrappers(keys: Iterable[str]) -> dict[str, str]:
    """Map every key to itself without the prefixes of parallel training and compilation."""
    stripped = {}
    for key in keys:
        name = key
        while name.startswith(_WRAPPER_PREFIXES):
            name = name.split(".", 1)[1]
        stripped[key] = name
    return stripped


def is_derived(key: str) -> bool:
    """Whether the entry is computed from the architecture and need not be loaded."""
    return _DERIVED.search(key) is not None


def read_architecture(weights: Mapping[str, Tensor]) -> BiRefNetConfig:
    """The configuration of an official checkpoint, from its keys (without prefixes) and shapes.

    Raises:
        CheckpointError: if the keys are not those of a BiRefNet, or of one from before May 2024.
    """
    if not any(key.startswith("decoder.") for key in weights) or not any(key.startswith("bb.") for key in weights):
        raise CheckpointError("this is no BiRefNet: it has no keys that begin with 'bb.' and 'decoder.'")
    outdated = [
        name for name in ("decoder.ipt_blk5", "decoder.gdt_convs_4") if not any(key.startswith(name) for key in weights)
    ]
    if outdated:
        raise CheckpointError(
            f"it lacks {' and '.join(outdated)}: checkpoints from before May 2024 have another architecture",
            hint="take a newer release of the same model",
        )
    has_classifier = "cls_head.0.weight" in weights
    return preset(_read_backbone(weights), auxiliary_classification=has_classifier)


def _read_backbone(weights: Mapping[str, Tensor]) -> str:
    def width(key: str) -> int | None:
        return weights[key].shape[0] if key in weights else None

    def depth(pattern: str) -> int:
        return len({m.group(1) for key in weights if (m := re.match(pattern, key))})

    found: tuple[str, object, dict[object, str]] | None = None
    if (channels := width("bb.patch_embed.proj.weight")) is not None:
        blocks = depth(r"bb\.layers\.2\.blocks\.(\d+)\.")
        rows: dict[object, str] = {
            (96, 6): "swin_v1_t",
            (96, 18): "swin_v1_s",
            (128, 18): "swin_v1_b",
            (192, 18): "swin_v1_l",
            (192, 24): "swin_v1_l24",
        }
        found = ("Swin", (channels, blocks), rows)
    elif (channels := width("bb.patch_embed1.proj.weight")) is not None:
        blocks = depth(r"bb\.block3\.(\d+)\.")
        rows = {(32, 2): "pvt_v2_b0", (64, 2): "pvt_v2_b1", (64, 6): "pvt_v2_b2", (64, 40): "pvt_v2_b5"}
        found = ("PVT v2", (channels, blocks), rows)
    elif (channels := width("bb.model.patch_embed.proj.weight")) is not None:
        swiglu = any(".mlp.fc1_g." in key for key in weights)
        rows = {
            (384, False): "dino_v3_s",
            (384, True): "dino_v3_s_plus",
            (768, False): "dino_v3_b",
            (1024, False): "dino_v3_l",
            (1280, True): "dino_v3_h_plus",
        }
        found = ("DINOv3", (channels, swiglu), rows)
    elif "bb.conv1.0.weight" in weights:
        side = weights["bb.conv1.0.weight"].shape[-1]
        rows = {(7, True): "resnet50", (3, False): "vgg16", (3, True): "vgg16bn"}
        found = ("convolutional", (side, "bb.conv1.1.weight" in weights), rows)
    if found is None:
        raise CheckpointError("its backbone is none that this program knows")
    family, signature, rows = found
    if signature not in rows:
        raise CheckpointError(f"its {family} backbone has an unknown size: {signature}")
    return rows[signature]


def to_ours(key: str, backbone: str) -> str:
    """Our name of the entry that official checkpoints call ``key``."""
    for official, ours in _ROOMS:
        if key.startswith(official):
            key = ours + key[len(official) :]
            break
    if key.startswith("localization.backbone."):
        return _rename(key, _backbone_rules(backbone), reverse=False)
    for official, ours in _BLOCK:
        key = key.replace(official, ours)
    return re.sub(*_BRANCH_NORM, key)


def to_official(key: str, backbone: str) -> str:
    """The name in official checkpoints of the entry that we call ``key``."""
    if key.startswith("localization.backbone."):
        key = _rename(key, _backbone_rules(backbone), reverse=True)
    else:
        for official, ours in _BLOCK:
            key = key.replace(ours, official)
        key = re.sub(*_BRANCH_NORM_BACK, key)
    for official, ours in _ROOMS:
        if key.startswith(ours):
            return official + key[len(ours) :]
    return key


def _rename(key: str, rules: tuple[_Rule, ...], *, reverse: bool) -> str:
    """Apply the first rule that matches the part after ``localization.backbone.``."""
    root = "localization.backbone."
    name = key[len(root) :]
    for official, ours in rules:
        source, target = (ours, official) if reverse else (official, ours)
        if name.startswith(source):
            return root + target + name[len(source) :]
    return key


def _backbone_rules(backbone: str) -> tuple[_Rule, ...]:
    """Prefix rules (official, ours) between the reference's backbones and timm's."""
    if backbone.startswith("swin"):
        merges = tuple((f"layers.{i}.downsample.", f"layers.{i + 1}.downsample.") for i in range(3))
        return (*merges, *((f"norm{i}.", f"norms.{i}.") for i in range(4)))
    if backbone.startswith("pvt"):
        return tuple(_pvt_rules())
    if backbone == "resnet50":
        stem = (("conv1.0.", "conv1."), ("conv1.1.", "bn1."), ("conv1.4.", "layer1."))
        return (*stem, ("conv2.", "layer2."), ("conv3.", "layer3."), ("conv4.", "layer4."))
    if backbone.startswith("vgg"):
        return _vgg_rules(with_norm=backbone.endswith("bn"))
    return ()


def _pvt_rules() -> Iterable[_Rule]:
    yield "patch_embed1.", "model.patch_embed."
    for n in range(1, 5):
        if n > 1:
            yield f"patch_embed{n}.", f"model.stages.{n - 1}.downsample."
        for depth in range(40):
            official, ours = f"block{n}.{depth}.", f"model.stages.{n - 1}.blocks.{depth}."
            yield f"{official}mlp.dwconv.dwconv.", f"{ours}mlp.dwconv."
            yield official, ours
        yield f"norm{n}.", f"model.stages.{n - 1}.norm."


def _vgg_rules(*, with_norm: bool) -> tuple[_Rule, ...]:
    """torchvision's ``features`` cut after four of its poolings; timm numbers the layers alike."""
    ends = (14, 24, 34, 44) if with_norm else (10, 17, 24, 31)
    starts = (0, *ends[:-1])
    return tuple(
        (f"conv{part}.{layer}.", f"features.{layer}.")
        for part, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
        for layer in range(start, end)
    )
