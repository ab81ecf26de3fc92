"""The control socket: a running server told of, and told what to do, from other processes.

`service` is the server's side, `client` the other one; both speak `protocol` (docs/control.md).
Neither the screen nor the loop is imported here: events and commands are all that passes.
"""
