"""The parts that run beside a server: log, control socket, recording, metrics, systemd."""
