"""What depends on sizes alone is made once, is bounded, and stays where CUDA graphs read it."""

import pytest
import torch
from birefnet_video.model.rewrites.kept import Kept
from birefnet_video.model.rewrites.rotary import KeptRotary
from timm.layers import RotaryEmbeddingDinoV3
from torch import Tensor

CPU = torch.device("cpu")


class Maker:
    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Tensor:
        self.made += 1
        return torch.full((1,), float(self.made))


def test_a_tensor_is_made_once_for_a_key() -> None:
    kept, maker = Kept(2), Maker()
    assert kept.get(1, CPU, maker) is kept.get(1, CPU, maker)
    assert maker.made == 1


def test_the_oldest_are_forgotten() -> None:
    kept, maker = Kept(2), Maker()
    for key in (1, 2, 3, 3, 2):
        kept.get(key, CPU, maker)
    assert maker.made == 3 and len(kept._tensors) == 2
    kept.get(1, CPU, maker)
    assert maker.made == 4


def test_what_a_graph_reads_is_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, maker, gpu = Kept(2), Maker(), torch.device("cuda:0")
    captures = False
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: captures)
    read = kept.get(1, gpu, maker)
    captures = True
    assert kept.get(1, gpu, maker) is read
    # What is made inside a capture belongs to the graph.
    assert kept.get(2, gpu, maker) is not kept.get(2, gpu, maker)
    captures = False
    for key in range(2, 9):
        kept.get(key, gpu, maker)
    assert kept.get(1, gpu, maker) is read and len(kept._tensors) == 3


def test_what_is_made_in_inference_mode_serves_outside_of_it() -> None:
    kept, weight = Kept(1), torch.ones(1, requires_grad=True)
    with torch.inference_mode():
        kept.get(1, CPU, lambda: torch.ones(1))
    (kept.get(1, CPU, Maker()) * weight).sum().backward()
    assert weight.grad == 1


def test_rotary_embeddings_are_the_same_for_every_size() -> None:
    plain = RotaryEmbeddingDinoV3(64).eval()
    kept = KeptRotary(plain)
    for size in ((4, 6), (2, 3), (4, 6)):
        assert torch.equal(kept.get_embed(shape=size), plain.get_embed(size))
