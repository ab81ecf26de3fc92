"""``python -m app`` is the same as ``echo-tui``."""

import sys


def main() -> None:
    """Run the command line and exit; Ctrl-C while it is imported prints no traceback either."""
    try:
        from .cli.main import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
