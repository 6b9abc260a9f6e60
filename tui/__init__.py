"""The terminal interface. Installed as ``birefnet_video.tui``; the folder stands at the top of the repository."""

if __name__ != "birefnet_video.tui":
    raise ImportError(f"this folder is the package birefnet_video.tui; do not import it as {__name__!r}")
