"""Stands for EdgeTAM's package: the same interface, and whatever has the colour of what was pointed at."""
