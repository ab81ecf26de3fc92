"""`echo-tui ctl`: a running server for scripts."""
