"""Exponential moving average of weights."""

import copy

import torch
from birefnet_video.model.birefnet import BiRefNet

#: The decay after ``n`` steps is at most n / (n + this), so that the first weights are soon forgotten.
_SHORT_MEMORY = 10


class Average:
    """Averaged copy of a network's weights and statistics."""

    def __init__(self, net: BiRefNet, decay: float) -> None:
        """
        Args:
            net: what is trained; copied.
            decay: share that the average keeps at each step, below 1.
        """
        self.net: BiRefNet = copy.deepcopy(net)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, net: BiRefNet) -> None:
        """Move towards the weights of ``net``."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + _SHORT_MEMORY))
        for own, new in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
            if own.is_floating_point():
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)
