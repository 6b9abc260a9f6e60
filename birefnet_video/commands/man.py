"""``birefnet-video man``: the manual page."""

from collections.abc import Callable

from cyclopts import App


def man_of(app: App) -> Callable[[], int]:
    """The command that prints the manual of a parser."""

    def man() -> int:
        """Print the manual page.

        For example:
        birefnet-video man | man -l -
        birefnet-video man > ~/.local/share/man/man1/birefnet-video.1
        """
        from birefnet_video._version import __version__
        from birefnet_video.commit import built_from
        from birefnet_video.shell.grammar import grammar_of
        from birefnet_video.shell.manual import manual

        date = built_from().partition(", ")[2]
        print(manual(grammar_of(app), app.name[0], __version__, date), end="")
        return 0

    return man
