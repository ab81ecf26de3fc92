"""`echo-tui completion`: the script that teaches a shell to complete our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "echo-tui"
VARIABLE = "_ECHO_TUI_COMPLETE"
"""What the script sets when it asks the program; click's choice of name."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a SHELL.

    \b
    bash: eval "$(echo-tui completion bash)"       in ~/.bashrc
    zsh:  eval "$(echo-tui completion zsh)"        in ~/.zshrc
    fish: echo-tui completion fish | source        in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # all three are click's own
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
    return 0
