"""An example for Locust: small pings, and now and then a large body (docs/load.md)."""

import random

from locust import between, task

from echo_tui.load.locust_user import FramedUser


class Pinger(FramedUser):
    """Sends a frame every few milliseconds, and waits for its echo."""

    wait_time = between(0.001, 0.01)

    @task(20)
    def ping(self) -> None:
        self.client.echo(random.randbytes(64), name="64 B")

    @task(1)
    def bulk(self) -> None:
        self.client.echo(random.randbytes(100_000), name="100 kB")
