"""``birefnet-video help``: what ``--help`` says."""

from collections.abc import Callable

from cyclopts import App

from birefnet_video.errors import UsageError
from birefnet_video.words import nearest


def help_of(app: App) -> Callable[..., int]:
    """The command that shows the help of a parser."""

    def show_help(*command: str) -> int:
        """Show the help of the program, or of a command.

        Parameters
        ----------
        command
            Such as webcam. Default: the program itself.

        Raises
        ------
        UsageError
            If there is no such command.
        """
        # Only commands that are imported say in the list what they do.
        app.resolved_commands()
        at = app
        for word in command:
            known = [name for name in at if not name.startswith("-") and at[name].show]
            if word not in known:
                near = nearest(word, known)
                hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}" if known else None
                raise UsageError(f"{' '.join(command)}: no such command", hint=hint)
            at = at[word]
        app.help_print([*command])
        return 0

    return show_help
