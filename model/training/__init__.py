"""Training of the networks: losses, data, the loop and its recipes."""

from birefnet_video.model.training.hybrid import HybridLoss, LossParts

__all__ = ["HybridLoss", "LossParts"]
