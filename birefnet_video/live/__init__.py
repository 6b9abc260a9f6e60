"""Matting a camera while it films: the latest picture wins, and how late it comes out is measured."""
