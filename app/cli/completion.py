"""`echo-tui completion`: the script that teaches a shell to complete our words, and the words."""

from __future__ import annotations

from collections.abc import Callable, Collection

import click
from click.shell_completion import get_completion_class

PROGRAM = "echo-tui"
VARIABLE = "_ECHO_TUI_COMPLETE"
"""What the script sets when it asks the program; click's choice of name."""

Offer = Callable[[click.Context, click.Parameter, str], list[str]]
"""click's `shell_complete`: the words that may stand where a word has been begun."""


def one_of(words: Collection[str]) -> Offer:
    """Offers those of `words` that go on as begun."""
    return lambda _context, _parameter, begun: [word for word in words if word.startswith(begun)]


def list_of(words: Collection[str]) -> Offer:
    """Offers `words` one after the other, with commas between, each once."""

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
