"""OpenVINO on CPUs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.engine import Prepared, Request
from birefnet_video.backends.engines.graphs import key_of
from birefnet_video.backends.openvino_library import load_core, load_library
from birefnet_video.backends.progress import building
from birefnet_video.backends.quantise import check_installed as check_quantiser
from birefnet_video.backends.quantise import quantise
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.export import DTYPES, INPUT_NAME, OUTPUT_NAME, export_program, prepare_network
from birefnet_video.model.precision import needs_float32
from birefnet_video.model.preprocess import normalise, statistics

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from birefnet_video.model import BiRefNet

_FILE, _FLOAT_FILE, _CHANGE_FILE = "network.xml", "float.xml", "change.txt"
#: Batches that are computed at once, unless each is to be done as early as possible.
_STREAMS = 2
#: With whole numbers, the rest in bfloat16 would be a fifth faster and change alpha half as much again.
_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
#: What hardly any time is spent on, and what eight bits would change most: the backbone's first convolutions, and those
#: that decoder blocks and the head end with (measured on ``tiny`` by leaving out one group at a time).
_SENSITIVE = re.compile(r"backbone\.(conv_stem|blocks\.0\.|patch_embed)|stages\.\d+\.block\.conv_out$|head\.project$")
#: Every so many pictures of the calibration one is compared.
_COMPARED_EVERY = 4
#: A change of alpha from which pixels are counted.
_FAR = 0.02


def graph_of(net: "BiRefNet", info: BackendInfo, *, dynamic: bool = False) -> "ExportedProgram":
    """The graph that OpenVINO reads.

    Args:
        net: as it was loaded.
        info: size and batch.
        dynamic: take any number of pictures at once.
    """
    # Its own deformable convolution is faster than one of grid_sample, and reads torchvision's operator.
    fast = prepare_network(net, "fp32", "torchvision")
    return export_program(fast, info.input_size, info.batch_size, dynamic_batch=dynamic)


def write_openvino(
    program: "ExportedProgram", path: Path, info: BackendInfo, *, dynamic: bool = False, in_half: bool = False
) -> None:
    """Write a graph as OpenVINO's ``.xml`` and ``.bin``.

    Args:
        program: from :func:`graph_of`.
        path: of the ``.xml``.
        info: size and batch.
        dynamic: take any number of pictures at once.
        in_half: keep the weights in float16.
    """
    openvino = load_library()
    network = openvino.convert_model(program)
    network.reshape([-1 if dynamic else info.batch_size, 3, *info.input_size])
    network.inputs[0].get_tensor().set_names({INPUT_NAME})
    network.outputs[0].get_tensor().set_names({OUTPUT_NAME})
    openvino.save_model(network, path, compress_to_fp16=in_half)


def cache_key(request: Request) -> dict[str, str]:
    """Under which what is built is kept.

    Raises:
        BackendUnavailable: see :func:`prepare`.
    """
    return key_of(request, openvino=load_library().__version__) | _kept_precision(request)


def prepare(request: Request) -> Prepared:
    """
    Raises:
        BackendUnavailable: if the network would suffer in the precision asked for, or what that needs is missing.
    """
    core = load_core()
    info = request.info
    quantised = info.precision == "int8"
    key = cache_key(request)

    def build(folder: Path) -> None:
        with building("openvino: converting the network", request.tell):
            program = graph_of(request.net, info)
            write_openvino(program, folder / (_FLOAT_FILE if quantised else _FILE), info)
        if quantised:
            _quantise(request, folder, program)

    streams = 1 if request.one_at_a_time else _STREAMS
    hint = _HINTS[info.precision]
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        # Two batches at once, each on half of the threads: on few cores that wastes less than sharing every layer.
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }

    def load(folder: Path) -> tuple[Any, str]:
        compiled = core.compile_model(folder / _FILE, "CPU", settings)
        return compiled, (folder / _CHANGE_FILE).read_text() if quantised else ""

    compiled, change = request.cache.load("openvino", key, build, load, request.tell)
    if change:
        request.tell(change)
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != hint:
        raise BackendUnavailable(f"openvino: this processor computes in {taken}, not in {hint}")
    free = [compiled.create_infer_request() for _ in range(streams)]

    def start(x: Tensor) -> Callable[[], Tensor]:
        # The line begins one batch before it collects the one before.
        job = free.pop() if free else compiled.create_infer_request()
        # The input must live until the network has read it.
        pixels = x.contiguous().numpy()
        job.start_async([pixels], share_inputs=True)

        def collect() -> Tensor:
            job.wait()
            logits = torch.from_numpy(job.get_output_tensor(0).data.copy())
            free.append(job)
            return logits

        return collect

    return Prepared(lambda x: start(x)(), is_fixed=True, start=start)


def _kept_precision(request: Request) -> dict[str, str]:
    """What a graph on disk depends on beside what all do: one of floats serves every precision of floats.

    Raises:
        BackendUnavailable: see :func:`prepare`.
    """
    info = request.info
    if info.precision == "int8":
        check_quantiser()
        if request.calibration is None:
            raise BackendUnavailable(
                "openvino: int8 is calibrated on pictures, and there are none", hint="name a folder with --calibration"
            )
        return {"precision": "int8", "calibration": request.calibration.key}
    if needs_float32(request.network.facts.backbone, DTYPES[info.precision]):
        raise BackendUnavailable(
            f"openvino: the backbone of {info.model} needs float32, and OpenVINO has one precision for all",
            hint="use --precision fp32",
        )
    return {"precision": "fp32"}


def sensitive_operators(program: "ExportedProgram") -> list[str]:
    """Names, in a graph of basic operators as OpenVINO reads it, of the convolutions that eight bits change most."""
    names = []
    for node in program.run_decompositions().graph.nodes:
        modules = list(node.meta.get("nn_module_stack", {}).values())
        if modules and "convolution" in str(node.target) and _SENSITIVE.search(modules[-1][0]):
            names.append(node.name)
    return names


def _quantise(request: Request, folder: Path, program: "ExportedProgram") -> None:
    """Make the graph of whole numbers of the one of floats, and note how far apart they are."""
    assert request.calibration is not None  # checked before anything was built
    info, calibration = request.info, request.calibration
    pictures = calibration.views(info.input_size)
    if not pictures:
        raise BackendUnavailable(f"openvino: int8: none of the {calibration.words} can be read")
    views = normalise(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), statistics(torch.device("cpu"))).numpy()
    source, target = folder / _FLOAT_FILE, folder / _FILE
    with building(f"openvino: int8: calibrating on {len(views)} {calibration.words}", request.tell):
        has_attention = any("scaled_dot_product" in str(node.target) for node in program.graph.nodes)
        quantise(source, target, views, sensitive_operators(program), is_transformer=has_attention)
    core = load_core()
    before, after = (
        core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})
        for path, hint in ((source, _HINTS["fp32"]), (target, _HINTS["int8"]))
    )
    changes = []
    for view in views[::_COMPARED_EVERY]:
        batch = np.repeat(view[None], info.batch_size, 0)
        expected, found = (torch.sigmoid(torch.from_numpy(compiled(batch)[0][:1])) for compiled in (before, after))
        changes.append((expected - found).abs())
    change = torch.stack(changes)
    mean, far = float(change.mean()), float((change > _FAR).float().mean())
    (folder / _CHANGE_FILE).write_text(
        f"openvino: int8 changes alpha by {mean:.4f} in the mean, {far:.1%} of the pixels by more than {_FAR} "
        f"(against fp32, on {len(changes)} {calibration.words})"
    )
    for file in (source, source.with_suffix(".bin")):
        file.unlink()
