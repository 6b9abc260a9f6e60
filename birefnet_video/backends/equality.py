"""How far two ways to compute the same mattes may be apart."""

from dataclasses import dataclass

import numpy as np

#: A change of alpha from which pixels are counted.
FAR = 0.02
#: Largest mean and largest share beyond it of the change of alpha, by precision.
_TOLERANCE = {"fp32": (1e-5, 0.0), "fp16": (0.002, 0.001), "bf16": (0.002, 0.001)}


@dataclass(frozen=True, slots=True)
class Change:
    """What another way to compute them does to mattes."""

    mean: float
    """Of alpha in [0, 1]."""
    far_share: float
    """Share of pixels whose alpha changes by more than :data:`FAR`."""

    @classmethod
    def between(cls, expected: np.ndarray, found: np.ndarray) -> "Change":
        """Of alpha, float arrays in [0, 1] of one shape."""
        change = np.abs(found - expected)
        return cls(float(change.mean()), float((change > FAR).mean()))

    def is_within(self, precision: str) -> bool:
        """Whether it is no more than a precision allows; what is no number is."""
        mean, far = _TOLERANCE[precision]
        return self.mean <= mean and self.far_share <= far

    @property
    def words(self) -> str:
        """In words, as in "alpha differs by ..."."""
        return f"by {self.mean:.5f} in the mean, {self.far_share:.2%} of the pixels by more than {FAR}"
