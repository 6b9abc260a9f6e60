"""Many videos in one call: which they are, what is written of each, and how they are rendered one after another."""
