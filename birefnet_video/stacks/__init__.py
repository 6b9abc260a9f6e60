"""Stacks: slices that are a volume together, read and written."""
