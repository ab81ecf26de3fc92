"""The control socket: other processes watch a running server and send it commands.

`server_side` and `client_side` exchange the messages of `protocol` (docs/control.md). Neither the
screen nor the loop is imported here; only events and commands pass.
"""
