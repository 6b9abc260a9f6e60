"""Mattes made steady over time."""
