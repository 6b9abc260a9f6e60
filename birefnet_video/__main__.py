"""``python -m birefnet_video``."""

from birefnet_video.cli import main

main()
