"""What an operator has beside a server that runs: figures for Prometheus, a configuration that can
be read again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from app.configuration import current
from app.events import Notice, Set
from app.fanout import Fanout
from app.headless import LogWriter
from app.options import Address
from app.reloading import Reloader
from app.settings import RUNTIME_SETTINGS, SettingError
from app.stream import EventStream
from app.systemd import Notifier

if TYPE_CHECKING:
    from app.server.metrics_page import MetricsPage
    from app.server.server import Server


def open_metrics(
    address: Address | None, server: Server, stream: EventStream, fanout: Fanout
) -> MetricsPage | None:
    """The page for Prometheus, bound and not yet answering; it is announced as a notice.

    Raises `SettingError`; the server, which must not be started yet, is closed then.
    """
    if address is None:
        return None
    complain = partial(tell, server, stream, "error")
    try:
        from app.server.metrics import ServerCollector, registry_of
        from app.server.metrics_page import MetricsPage

        registry = registry_of(ServerCollector(fanout, server.now))
        page = MetricsPage(address.host, address.port, registry, complain)
    except SettingError:
        server.close()
        raise
    except ModuleNotFoundError as error:
        server.close()
        if error.name != "prometheus_client":
            raise
        raise SettingError(
            "--metrics needs prometheus-client: pip install 'echo-tui[metrics]'"
        ) from None
    tell(server, stream, "info", f"metrics on {page.url}")
    return page


def tell(server: Server, stream: EventStream, level: str, text: str) -> None:
    """Put a word of the program's own among the server's events."""
    stream.publish(Notice(t=server.now(), level=level, text=text))


def reloader(
    server: Server, stream: EventStream, log: LogWriter, systemd: Notifier, status: str
) -> Callable[[], None] | None:
    """What SIGHUP does; None where it stops the server, for want of a configuration file."""
    ctx = click.get_current_context()
    if not current(ctx).path:
        return None

    def change(name: str, value: int | float | str) -> None:
        server.submit(Set(request=0, name=name, value=value))

    changes: dict[str, Callable[[Any], None]] = {"log_level": log.set_level}
    changes |= {name: partial(change, name) for name in RUNTIME_SETTINGS}
    read_again = Reloader(ctx, changes, partial(tell, server, stream))

    def reload() -> None:
        systemd.reloading()
        read_again()
        systemd.ready(status)

    return reload
