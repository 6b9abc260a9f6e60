"""TensorRT takes the networks whole.

``tools/tensorrt/coverage.py`` lowers each exported graph with torch-tensorrt, which does not install beside this
project's torch, and finds no operator without a converter. Here today's graphs are compared with those.
"""

import json
from pathlib import Path

import pytest
import torch
from birefnet_video.model import PRESETS, BiRefNet
from birefnet_video.model.export import export_program, prepare_network

RECORD = json.loads((Path(__file__).parents[1] / "data" / "tensorrt_operators.json").read_text())


def test_the_record_covers_three_networks_in_two_precisions() -> None:
    assert set(RECORD["networks"]) == {
        f"{name} {precision}" for name in ("tiny", "swin_v1_t", "swin_v1_l") for precision in ("fp32", "fp16")
    }


@pytest.mark.parametrize(("name", "precision"), [("tiny", "fp32"), ("tiny", "fp16"), ("swin_v1_t", "fp16")])
def test_graphs_have_no_other_operators_than_those_that_were_covered(name: str, precision: str) -> None:
    net = BiRefNet(PRESETS[name]).eval()
    program = export_program(prepare_network(net, precision, "grid_sample"), (64, 64), 1)
    now = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    new = now - set(RECORD["networks"][f"{name} {precision}"])
    assert not new, f"run tools/tensorrt/coverage.py: {sorted(new)}"
    assert not any(parameter.requires_grad for parameter in program.parameters()), "torch-tensorrt refuses these"


def test_torchvisions_operator_would_be_noticed() -> None:
    conv = torch.nn.Conv2d(4, 18, 3, padding=1)

    class One(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            from birefnet_video.model.deform import deform_conv2d

            weight = torch.ones(4, 4, 3, 3)
            return deform_conv2d(x, self.conv(x), weight, padding=1, implementation="torchvision")

    program = torch.export.export(One(), (torch.randn(1, 4, 32, 32),))
    assert any("deform_conv2d" in str(node.target) for node in program.graph.nodes)
    assert not any("deform_conv2d" in name for names in RECORD["networks"].values() for name in names)
