"""The library OpenVINO, as every process of ours loads it."""

import sys
from typing import Any


def load_library() -> Any:
    """The module ``openvino``, without its telemetry, which reports every import of it to its makers."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
