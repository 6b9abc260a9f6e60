"""The version, for whoever is imported before the package is complete."""

__version__ = "0.1.0"
