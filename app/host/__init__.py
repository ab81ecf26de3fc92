"""What runs beside a server: log, control socket, recording, metrics, systemd."""
