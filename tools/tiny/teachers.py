"""Two networks that label photographs: U2Netp, quick and coarse, and IS-Net, slow and careful."""

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import openvino
from birefnet_video.model.preprocess import MEAN, STD

from birefnet_video.backends.openvino_library import load_core

#: Others use the machine, too.
_THREADS = 1
_U2NETP_SIDE, _ISNET_SIDE = 320, 1024


class U2Netp:
    """Alpha at 320 x 320 pixels. The network is opened for the first picture."""

    def __init__(self, onnx: Path) -> None:
        self._onnx = onnx

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) -> float32 (320, 320) in [0, 1]."""
        small = cv2.resize(rgb, (_U2NETP_SIDE, _U2NETP_SIDE), interpolation=cv2.INTER_AREA)
        x = (small / max(int(small.max()), 1) - MEAN) / STD
        given = {self._net.get_inputs()[0].name: x.transpose(2, 0, 1)[None].astype(np.float32)}
        return self._net.run(None, given)[0][0, 0]

    @cached_property
    def _net(self) -> "onnxruntime.InferenceSession":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = _THREADS
        return onnxruntime.InferenceSession(str(self._onnx), options, providers=["CPUExecutionProvider"])


class IsNet:
    """Alpha of the picture's own size, worked out at 1,024 x 1,024 pixels in bfloat16 where the CPU has it.

    The network is opened for the first picture.
    """

    def __init__(self, onnx: Path) -> None:
        self._onnx = onnx

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) -> float32 (H, W) in [0, 1]."""
        x = cv2.resize(rgb, (_ISNET_SIDE, _ISNET_SIDE)).astype(np.float32) / 255 - 0.5
        alpha = np.squeeze(self._net(x.transpose(2, 0, 1)[None])[0]).astype(np.float32)
        return cv2.resize(alpha, rgb.shape[1::-1], interpolation=cv2.INTER_AREA).clip(0, 1)

    @cached_property
    def _net(self) -> "openvino.CompiledModel":
        core = load_core()
        whole = core.read_model(self._onnx)
        # Its coarser predictions are not asked for.
        finest = openvino.Model([whole.outputs[0]], whole.get_parameters())
        settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": _THREADS}
        return core.compile_model(finest, "CPU", settings)
