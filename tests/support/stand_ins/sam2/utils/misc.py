"""Stands for what reads frames."""

from pathlib import Path

import cv2
import torch


def tqdm(steps, desc=""):
    """Shows progress, as the real one does."""
    print(desc, flush=True)
    return steps


def load_video_frames(video_path, image_size):
    """All frames of a folder of pictures, and their height and width."""
    names = sorted(Path(video_path).glob("*.jpg"), key=lambda path: int(path.stem))
    images, shape = [], (0, 0)
    for name in tqdm(names, desc="frame loading (JPEG)"):
        picture = cv2.imread(str(name))
        shape = picture.shape[:2]
        small = cv2.resize(picture, (image_size, image_size)).astype("float32") / 255
        images.append(torch.from_numpy(small.transpose(2, 0, 1)))
    return torch.stack(images), *shape
