"""A graph of OpenVINO's in whole numbers of eight bits, by NNCF: post-training quantisation.

:func:`quantise` does it in a process of its own: NNCF writes bars to standard output, changes what it imports, and
takes memory that is wanted back.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from birefnet_video.backends.apart import end_with
from birefnet_video.backends.openvino_library import load_core, load_library
from birefnet_video.errors import BackendUnavailable

#: Keeps NNCF from reporting to its makers that it is used.
_QUIET = {"NNCF_CI": "1"}


def check_installed() -> None:
    """
    Raises:
        BackendUnavailable: if NNCF is missing; names the extra.
    """
    if find_spec("nncf") is None:
        raise BackendUnavailable("openvino: int8 needs NNCF", hint="pip install 'birefnet-video[int8]'")


def quantise(source: Path, target: Path, views: np.ndarray, in_float: list[str], *, is_transformer: bool) -> None:
    """Write a quantised copy of a graph.

    Args:
        source: the graph, ``.xml``.
        target: the same.
        views: float32 (N, 3, h, w), normalised: what numbers occur is seen in these.
        in_float: names, in the graph that was exported, of convolutions that stay as they are.
        is_transformer: the network has attention.

    Raises:
        BackendUnavailable: if NNCF is missing or fails.
    """
    check_installed()
    pictures, plan = target.with_suffix(".npy"), target.with_suffix(".json")
    np.save(pictures, views)
    plan.write_text(json.dumps({"in_float": in_float, "is_transformer": is_transformer}))
    command = [sys.executable, "-m", __name__, str(source), str(target), str(pictures), str(plan), str(os.getpid())]
    done = subprocess.run(
        command, env=os.environ | _QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    pictures.unlink()
    plan.unlink()
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BackendUnavailable(f"openvino: int8: NNCF fails: {lines[-1]}", hint="use --precision fp32")


def _main(source: str, target: str, pictures: str, plan: str, parent: str) -> None:
    threading.Thread(target=end_with, args=(int(parent),), daemon=True).start()
    openvino = load_library()
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.ERROR)
    asked = json.loads(Path(plan).read_text())
    views = np.load(pictures, mmap_mode="r")
    graph = load_core().read_model(source)
    batch = int(graph.inputs[0].shape[0])
    in_float = [
        operator.get_friendly_name()
        for operator in graph.get_ops()
        if operator.get_type_name() in ("Convolution", "GroupConvolution")
        and operator.get_friendly_name().split("/")[0] in asked["in_float"]
    ]
    network = nncf.quantize(
        graph,
        nncf.Dataset([np.repeat(view[None], batch, 0) for view in views]),
        subset_size=len(views),
        model_type=nncf.ModelType.TRANSFORMER if asked["is_transformer"] else None,
        ignored_scope=nncf.IgnoredScope(names=in_float),
        advanced_parameters=AdvancedQuantizationParameters(
            # The means that are the default cut off what few pictures have; coarser weights are for processors that
            # cannot add up bytes without overflow, on which int8 gains little.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
            overflow_fix=OverflowFix.DISABLE,
        ),
    )
    openvino.save_model(network, target, compress_to_fp16=False)


if __name__ == "__main__":
    _main(*sys.argv[1:])
