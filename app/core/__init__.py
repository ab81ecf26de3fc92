"""What crosses threads and processes: events, commands, settings, framing."""
