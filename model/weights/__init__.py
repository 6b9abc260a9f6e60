"""Weights and pictures that are shipped with the package; see MODEL_CARD.md."""
