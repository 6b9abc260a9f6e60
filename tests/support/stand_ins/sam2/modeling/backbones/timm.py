"""Stands for the backbone, whose weights the package would fetch."""

from typing import Any

#: What was asked for.
ASKED: list[bool] = []


def create_model(name: str, pretrained: bool = False, **how: Any) -> str:
    """See timm."""
    ASKED.append(pretrained)
    return name


class TimmBackbone:
    """Made by :func:`create_model` as this module knows it then."""

    def __init__(self, name: str) -> None:
        self.body = create_model(name, pretrained=True, features_only=True)
