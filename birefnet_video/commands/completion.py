"""``birefnet-video completion``: what shells need to complete its words."""

from collections.abc import Callable
from typing import Annotated, Literal

from cyclopts import App, Parameter

Shell = Literal["bash", "zsh", "fish"]


def completion_of(app: App) -> Callable[[Shell], int]:
    """The command that prints completion scripts of a parser."""

    def completion(shell: Annotated[Shell, Parameter(name="SHELL")], /) -> int:
        """Print a script that completes commands, options and values in a shell.

        For example:
        bash: echo 'eval "$(birefnet-video completion bash)"' >> ~/.bashrc
        zsh: echo 'eval "$(birefnet-video completion zsh)"' >> ~/.zshrc, below compinit
        fish: birefnet-video completion fish > ~/.config/fish/completions/birefnet-video.fish

        Parameters
        ----------
        shell
            The shell that it is for.
        """
        from birefnet_video.shell.bash import bash_script
        from birefnet_video.shell.fish import fish_script
        from birefnet_video.shell.grammar import grammar_of
        from birefnet_video.shell.zsh import zsh_script

        scripts = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
        print(scripts[shell](grammar_of(app), app.name[0]), end="")
        return 0

    return completion
