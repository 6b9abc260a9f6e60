"""The names of the nobg library's checkpoints, translated to the official ones.

Its network gives the official one's numbers for the same weights, in other names: the Swin Transformer is that of the
transformers library, with query, key and value apart, and the decoder's parts are counted from the coarsest. Swin has
had two spellings there, and both are read. Files from before the library took up transformers have official names.

Training differs: the library predicts coarse mattes from features after the gate, the reference and we from those
before it, and no loss of the library's trains the gradient heads that its files hold.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from birefnet_video.errors import CheckpointError

#: Where the two spellings keep the Swin Transformer. The official names have neither below ``bb.``.
_SWIN_ROOTS = ("bb.swin.", "bb.embeddings.", "bb.encoder.")

#: Weights that the file holds and its network never uses: a norm of what only classification asks for.
_UNUSED = ("bb.swin.layernorm.weight", "bb.swin.layernorm.bias")

_Rule = tuple[str, str]

# Rules are (theirs, official).
_ROOMS: tuple[_Rule, ...] = (
    ("bb.swin.", "bb."),
    *((f"bb.hidden_states_norms.stage{n + 1}.", f"bb.norm{n}.") for n in range(4)),
    *((f"decoder.ipt_blks.{n}.", f"decoder.ipt_blk{5 - n}.") for n in range(5)),
    *((f"decoder.decoder_blocks.{n}.", f"decoder.decoder_block{4 - n}.") for n in range(4)),
    *(
        (f"decoder.{theirs}.{n}.", f"decoder.{official}{4 - n}.")
        for n in range(3)
        for theirs, official in (
            ("lateral_blocks", "lateral_block"),
            ("conv_ms_spvn", "conv_ms_spvn_"),
            ("gdt_convs", "gdt_convs_"),
            ("gdt_convs_pred", "gdt_convs_pred_"),
            ("gdt_convs_attn", "gdt_convs_attn_"),
        )
    ),
)
_STEM: tuple[_Rule, ...] = (
    ("bb.embeddings.patch_embeddings.projection.", "bb.patch_embed.proj."),
    ("bb.embeddings.norm.", "bb.patch_embed.norm."),
    ("bb.encoder.layers.", "bb.layers."),
)
_BLOCK: tuple[_Rule, ...] = (
    ("layernorm_before.", "norm1."),
    ("layernorm_after.", "norm2."),
    ("attention.relative_position_bias.", "attn."),
    ("attention.o_proj.", "attn.proj."),
    ("attention.output.dense.", "attn.proj."),
    ("intermediate.dense.", "mlp.fc1."),
    ("output.dense.", "mlp.fc2."),
    ("attention.self.relative_position", "attn.relative_position"),
)
_BLOCK_PREFIX = re.compile(r"bb\.layers\.\d+\.blocks\.\d+\.")
#: What the official ``attn.qkv`` is made of, one after the other, in each spelling.
_THIRDS = (
    ("attention.q_proj.", "attention.k_proj.", "attention.v_proj."),
    ("attention.self.query.", "attention.self.key.", "attention.self.value."),
)


def is_nobg(keys: Iterable[str]) -> bool:
    """Whether these (without wrapper prefixes) are names of the nobg library and not official ones."""
    return any(key.startswith(_SWIN_ROOTS) for key in keys)


def from_nobg(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the official names, queries, keys and values joined to one tensor.

    Args:
        weights: names of the nobg library without wrapper prefixes, tensors of any dtype and device.

    Returns:
        Official names; a name that is none of the library's stays as it is, so that strict loading names it.

    Raises:
        CheckpointError: if the network was built with other parts than an official one, if a query, key or value is
            missing or of another shape than its siblings, or if two entries are the same one; these keys are named.
    """
    _check_parts(weights)
    official: dict[str, Tensor] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    for key, value in weights.items():
        if key in _UNUSED:
            continue
        name, thirds = _official_name(key)
        present = [third for third in thirds if third in weights]
        if present and key != present[0]:
            continue
        if len(present) < len(thirds):
            problems += [f"{third} is missing" for third in thirds if third not in weights]
        elif len({weights[third].shape for third in present}) > 1:
            problems += [f"{third} is {tuple(weights[third].shape)}" for third in present]
        elif name in sources:
            problems.append(f"{sources[name]} and {key} are the same entry in two layouts")
        else:
            sources[name] = key
            official[name] = torch.cat([weights[third] for third in present]) if present else value
    if problems:
        raise CheckpointError(f"its keys of the nobg library do not fit together: {', '.join(problems)}")
    return official


def _check_parts(weights: Mapping[str, Tensor]) -> None:
    """Refuse what the library can be configured to leave out or to add, with the reason."""
    blocks = {m.group(1) for key in weights if (m := re.match(r"decoder\.decoder_blocks\.(\d+)\.", key))}
    if len(blocks) != 4:
        raise CheckpointError(f"this network of the nobg library has {len(blocks)} decoder blocks; ours have 4")
    for part, option in (("ipt_blks", "use_image_patch_injection"), ("gdt_convs", "use_gradient_attention")):
        if not any(key.startswith(f"decoder.{part}.") for key in weights):
            raise CheckpointError(
                f"it lacks decoder.{part}: it was made with {option}=False, which no official BiRefNet has"
            )


def _official_name(key: str) -> tuple[str, tuple[str, ...]]:
    """The official name of an entry, and the names of query, key and value if it is one of these."""
    name = _replace_start(_replace_start(key, _ROOMS), _STEM)
    block = _BLOCK_PREFIX.match(name)
    if block is None:
        return name, ()
    inside = name[block.end() :]
    for thirds in _THIRDS:
        for third in thirds:
            if inside.startswith(third):
                kind = inside[len(third) :]
                root = key[: len(key) - len(inside)]
                return f"{block.group()}attn.qkv.{kind}", tuple(f"{root}{sibling}{kind}" for sibling in thirds)
    return block.group() + _replace_start(inside, _BLOCK), ()


def _replace_start(name: str, rules: tuple[_Rule, ...]) -> str:
    for theirs, official in rules:
        if name.startswith(theirs):
            return official + name[len(theirs) :]
    return name
