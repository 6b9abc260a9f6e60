"""Training runs that come with the package."""
