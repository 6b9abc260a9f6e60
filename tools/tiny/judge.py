"""Which automatic labels to trust: agreement with a second, independent network."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from birefnet_video.model.preprocess import MEAN, STD

from birefnet_video.pictures.files import list_pictures, read_matte, read_rgb

#: Side in pixels of the second network's input (U2Netp).
_SIDE = 320
#: Alpha above which it sees a subject in a background.
_SEEN = 0.3


def judge(onnx: Path, pictures: Path, labels: Path | None, cache: Path) -> dict[str, float]:
    """Score every picture of a folder, once: results are kept in ``cache``.

    Args:
        onnx: U2Netp in ONNX form.
        pictures: folder of pictures.
        labels: folder of mattes of the same stems; ``None``: the score is the share of subject pixels.
        cache: JSON file.

    Returns:
        stem -> IoU at 0.5 of label and second network, or the share of pixels that it takes for the subject.
    """
    if cache.exists():
        return json.loads(cache.read_text())
    net = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    mattes = list_pictures(labels) if labels is not None else {}
    scores: dict[str, float] = {}
    for stem, path in list_pictures(pictures).items():
        seen = _run(net, read_rgb(path))
        if labels is None:
            scores[stem] = float((seen > _SEEN).mean())
            continue
        label = cv2.resize(read_matte(mattes[stem]), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 127
        found = seen > 0.5
        scores[stem] = float((label & found).sum() / max((label | found).sum(), 1))
    cache.write_text(json.dumps(scores))
    return scores


def _run(net: "onnxruntime.InferenceSession", rgb: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> saliency float32 (320, 320) in [0, 1]."""
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    x = (small / max(int(small.max()), 1) - MEAN) / STD
    return net.run(None, {net.get_inputs()[0].name: x.transpose(2, 0, 1)[None].astype(np.float32)})[0][0, 0]
