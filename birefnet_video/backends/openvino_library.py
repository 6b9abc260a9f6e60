"""The library OpenVINO, as every process of ours loads it."""

import functools
import sys
from typing import Any


def load_library() -> Any:
    """The module ``openvino``, without its telemetry, which reports every import of it to its makers."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@functools.cache
def load_core() -> Any:
    """The ``openvino.Core`` that networks are compiled by, one for the life of the process.

    Each loads the plugin for CPUs anew, and each of those gives the thread that it is loaded by a signal stack, which
    it frees when it goes (``SigAltStackSetup`` in OpenVINO's ``plugin.cpp``): from another thread, or before a younger
    one is gone, that leaves a thread with a signal stack that is no memory, and the next Ctrl-C ends the process
    without a word.
    """
    return load_library().Core()
