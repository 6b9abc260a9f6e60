"""Stands for what builds the predictor."""

import torch

from sam2.modeling.backbones.timm import TimmBackbone
from sam2.sam2_video_predictor import SAM2VideoPredictor


def build_sam2_video_predictor(config_file, ckpt_path=None, device="cuda", **how):
    """Says on standard output what it does."""
    assert config_file == "configs/edgetam.yaml"
    print("configuration solved")
    TimmBackbone("repvit_m1.dist_in1k")
    torch.load(ckpt_path, map_location="cpu", weights_only=True)["model"]
    print("checkpoint loaded")
    return SAM2VideoPredictor(device)
