"""Whether TensorRT takes each network whole: lower its exported graph and look for operators without a converter.

No GPU is needed. In an environment of its own, because torch-tensorrt pins torch:

    pip install "torch==2.14.*" torchvision timm opencv-python-headless safetensors
    pip install --no-deps "torch-tensorrt-rtx==2.14.*" tensorrt-rtx==1.6.1.120
    pip install tensorrt-rtx-cu13==1.6.1.120 dllist psutil platformdirs packaging
    pip install --no-deps .
    python tools/tensorrt/coverage.py --write tests/data/tensorrt_operators.json

What it writes are the operators of the exported graphs that were found to be covered; a test compares today's graphs
with them.
"""

import argparse
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

NETWORKS = {"tiny": (256, 256), "swin_v1_t": (256, 256), "swin_v1_l": (256, 256)}


def import_library() -> Any:
    """torch_tensorrt, which asks the GPU for its capability as it is imported."""
    answers = {
        "is_available": True,
        "get_device_capability": (8, 9),
        "get_device_name": "none",
        "current_device": 0,
        "device_count": 1,
    }
    for name, value in answers.items():
        patch(f"torch.cuda.{name}", lambda *args, value=value: value).start()
    import torch_tensorrt
    import torch_tensorrt.dynamo.lowering

    # Settings and the lowering ask for other things; nothing may take the CPU for a GPU.
    patch("torch.cuda.is_available", lambda: False).start()
    return torch_tensorrt


def export(name: str, precision: str) -> "torch.export.ExportedProgram":
    """The graph that the TensorRT engine is built from, with random weights."""
    from birefnet_video.model import PRESETS, BiRefNet
    from birefnet_video.model.export import export_program, prepare_network

    torch.manual_seed(0)
    net = BiRefNet(PRESETS[name]).eval()
    return export_program(prepare_network(net, precision, "grid_sample"), NETWORKS[name], 1)


def operators(program: "torch.export.ExportedProgram") -> set[str]:
    """Names of what a graph calls."""
    return {str(node.target) for node in program.graph.nodes if node.op == "call_function"}


def uncovered(library: Any, program: "torch.export.ExportedProgram") -> tuple[dict[str, int], int]:
    """Operators without a converter after lowering, with their number, and the number of all."""
    from torch_tensorrt.dynamo._settings import CompilationSettings
    from torch_tensorrt.dynamo.conversion import DYNAMO_CONVERTERS
    from torch_tensorrt.dynamo.lowering import get_decompositions, post_lowering, pre_export_lowering

    settings = CompilationSettings(min_block_size=1)
    program = pre_export_lowering(program, settings)
    program = program.run_decompositions(get_decompositions(False))
    module = post_lowering(program.module(), settings)
    DYNAMO_CONVERTERS.set_compilation_settings(settings)
    missing: dict[str, int] = {}
    nodes = [node for node in module.graph.nodes if node.op == "call_function"]
    for node in nodes:
        if node not in DYNAMO_CONVERTERS and "getitem" not in str(node.target):
            missing[str(node.target)] = missing.get(str(node.target), 0) + 1
    return missing, len(nodes)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    library = import_library()
    record: dict[str, Any] = {"torch_tensorrt": library.__version__, "torch": torch.__version__, "networks": {}}
    for name in NETWORKS:
        for precision in ("fp32", "fp16"):
            program = export(name, precision)
            found = sorted(operators(program))
            missing, count = uncovered(library, program)
            print(
                f"{name} {precision}: {count} nodes after lowering, without a converter: {missing or 'none'}",
                flush=True,
            )
            if missing:
                raise SystemExit(1)
            record["networks"][f"{name} {precision}"] = found
    if options.write:
        options.write.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
