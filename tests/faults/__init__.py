"""Black-box fault tests: the real program, seen through its port, log, exit code and /proc."""
