"""The exit codes of the commands (README, "Use it")."""

from __future__ import annotations

from typing import Final

EXIT_FAILED: Final = 1
"""A crash; of `client`, `load` and `ctl`: not all was well; of `ctl lint`: there is a note."""
EXIT_USAGE: Final = 2
"""A mistake in the command line or at start-up, or an output that cannot be written."""
EXIT_DAMAGED: Final = 3
"""A damaged recording."""
EXIT_INTERRUPTED: Final = 130
"""Ctrl-C before a command had ended."""
