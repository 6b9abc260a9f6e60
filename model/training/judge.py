"""Which automatic labels to trust: agreement with a second, independent network."""

import json
from pathlib import Path

import cv2
import numpy as np
from birefnet_video.model.preprocess import MEAN, STD

#: Side in pixels of the second network's input (U2Netp).
_SIDE = 320


def judge_folder(onnx: Path, pictures: Path, labels: Path | None, cache: Path) -> dict[str, float]:
    """Score every picture of a folder, once: results are kept in ``cache``.

    Args:
        onnx: U2Netp in ONNX form.
        pictures: folder of pictures.
        labels: folder of alpha PNGs of the same stems; ``None``: the score is the share of subject pixels.
        cache: JSON file.

    Returns:
        stem -> IoU at 0.5 of label and second network, or the share of pixels it takes for the subject.
    """
    scores: dict[str, float] = json.loads(cache.read_text()) if cache.exists() else {}
    if scores:
        return scores
    net = cv2.dnn.readNetFromONNX(str(onnx))
    for path in sorted(pictures.iterdir()):
        seen = _run(net, cv2.imread(str(path)))
        if labels is None:
            scores[path.stem] = float((seen > 0.3).mean())
            continue
        label = cv2.imread(str(labels / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        label = cv2.resize(label, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 127
        found = seen > 0.5
        scores[path.stem] = float((label & found).sum() / max((label | found).sum(), 1))
    cache.write_text(json.dumps(scores))
    return scores


def _run(net: "cv2.dnn.Net", bgr: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) BGR -> saliency float32 (320, 320) in [0, 1]."""
    rgb = cv2.cvtColor(cv2.resize(bgr, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    x = (rgb / max(int(rgb.max()), 1) - MEAN) / STD
    net.setInput(x.transpose(2, 0, 1)[None].astype(np.float32))
    return net.forward()[0, 0]
