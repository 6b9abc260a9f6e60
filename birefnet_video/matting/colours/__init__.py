"""The subject's colours under soft edges and beside a screen."""
