"""Mattes enlarged along the picture's edges."""
