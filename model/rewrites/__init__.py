"""Rewrites of a loaded network for inference, one a file; :mod:`birefnet_video.model.optimize` makes them."""
