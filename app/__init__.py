"""echo-tui: a length-prefixed non-blocking echo server whose inside you can watch."""

__version__ = "0.3.0"
