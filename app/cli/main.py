"""The command line: it finds the command, and turns how that ends into an exit code."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Final

import click

from .. import __version__
from ..core.settings import SettingError
from .demo import demo
from .exit_codes import EXIT_INTERRUPTED, EXIT_USAGE
from .output import (
    escape_unencodable,
    explain_unwritable,
    flush_streams,
    is_terminal_lost,
    open_closed_streams,
    wait_for_outputs,
)
from .serve import serve

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "attach": ".attach:attach",
    "check": ".check:check",
    "client": ".client:client",
    "completion": ".completion:completion",
    "ctl": ".ctl.ctl_commands:ctl",
    "explain": ".explain:explain",
    "load": ".load:load",
    "replay": ".replay:replay",
    "send": ".send:send",
}
"""Commands that are imported when they are run, as ``module:function``."""


class DefaultToServe(click.Group):
    """The group of all commands; if the first argument is no command, `serve` gets all of them."""

    @property
    def known_words(self) -> set[str]:
        """The first words that name a command and not a host."""
        return {*self.commands, *COMMANDS}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.known_words)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, function = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module, __package__), function)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # completing the first word: `shell_complete`
        if not args or (args[0] not in self.known_words and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands, and all that may come first for `serve`."""
        own = super().shell_complete(ctx, incomplete)
        words = {item.value for item in own}
        served = serve.shell_complete(ctx, incomplete)
        return own + [item for item in served if item.value not in words]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        serve.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=DefaultToServe,
    subcommand_metavar="[HOST] [PORT] | COMMAND",
    context_settings={"max_content_width": 100},
)
@click.version_option(__version__, prog_name="echo-tui")
def cli() -> None:
    """A length-prefixed non-blocking echo server whose inside you can watch.

    Serves on HOST (default 127.0.0.1) and PORT (default 9000; 0 = any free one) with a dashboard
    in this terminal, or without one (--no-ui).
    """


cli.add_command(serve)
cli.add_command(demo)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process; mistakes are one line on stderr."""
    open_closed_streams()
    wait_for_outputs()
    escape_unencodable()
    code, complaint = 0, ""
    try:
        code = _run(arguments)
    except OSError as error:
        # A dashboard whose terminal is gone ends as by SIGHUP, also where the error comes first.
        if not is_terminal_lost(error, sys.stderr) and not (complaint := explain_unwritable(error)):
            raise
    if complaint := flush_streams() or complaint:
        code = code or _complain(complaint)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        code: int = cli.main(arguments, prog_name="echo-tui", standalone_mode=False)
    except click.exceptions.Abort:
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        return _complain(error.format_message())
    except SettingError as error:
        return _complain(str(error))
    return code


def _complain(text: str) -> int:
    with contextlib.suppress(OSError):  # where stderr cannot be written, the exit code tells it
        print(f"echo-tui: {' '.join(text.split())}", file=sys.stderr)
    return EXIT_USAGE
