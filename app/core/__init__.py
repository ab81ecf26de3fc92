"""Events, commands, settings and framing: everything that crosses threads and processes."""
