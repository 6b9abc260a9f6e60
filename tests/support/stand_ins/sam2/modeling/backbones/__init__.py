"""Stands for a part of EdgeTAM's package."""
