"""The server's end of the control socket."""
