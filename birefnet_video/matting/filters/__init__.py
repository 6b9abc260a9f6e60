"""Planes resized and blurred."""
