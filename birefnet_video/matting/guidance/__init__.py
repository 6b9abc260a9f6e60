"""Which of the figures in a matte is meant, and where it goes."""
