"""Renders in processes of their own: what is kept of them on disk, and how to watch and steer them from another one."""
