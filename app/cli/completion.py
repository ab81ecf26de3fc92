"""`echo-tui completion` prints a completion script for a shell; options offer their words here."""

from __future__ import annotations

from collections.abc import Callable, Collection

import click
from click.shell_completion import get_completion_class

PROGRAM = "echo-tui"
VARIABLE = "_ECHO_TUI_COMPLETE"
"""The variable that the script sets when it runs the program; click chose the name."""

Offer = Callable[[click.Context, click.Parameter, str], list[str]]
"""A function for click's `shell_complete`: it returns the words that begin as typed."""


def one_of(words: Collection[str]) -> Offer:
    """Return a function that offers those of `words` that begin as typed."""
    return lambda _context, _parameter, begun: [word for word in words if word.startswith(begun)]


def list_of(words: Collection[str]) -> Offer:
    """Return a function that offers `words` for a list with commas, each of them once."""

    def offer(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        before, comma, last = begun.rpartition(",")
        taken = before.split(",")
        left = [word for word in words if word.startswith(last) and word not in taken]
        return [f"{before}{comma}{word}" for word in left]

    return offer


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
