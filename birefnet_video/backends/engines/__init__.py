"""Ways to run a network, one a file, listed in :mod:`birefnet_video.backends.engine_table`."""
