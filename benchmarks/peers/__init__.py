"""Echo servers by other means, one a file, for the harness to compare with.

Each runs as `python -m benchmarks.peers.NAME [HOST] [PORT]`, says `listening on HOST:PORT` as its
first line on stdout, sets TCP_NODELAY, and echoes each frame once its body is complete.
"""
