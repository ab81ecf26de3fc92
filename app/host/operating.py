"""What an operator has beside a server that runs: figures for Prometheus, a configuration that can
be read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..cli.configuration import current
from ..cli.reloading import Reloader
from ..core.addresses import Address
from ..core.commands import Command, Set
from ..core.settings import RUNTIME_SETTINGS, SettingError
from ..watch.fanout import Fanout
from .log import LogWriter
from .systemd import Notifier

if TYPE_CHECKING:
    from .metrics_page import MetricsPage


def open_metrics(
    address: Address | None,
    fanout: Fanout,
    now: Callable[[], float],
    worker_pids: Callable[[], Iterable[int]],
    tell: Callable[[str, str], None],
) -> MetricsPage | None:
    """The page for Prometheus, bound and not yet answering; it is announced as a notice.

    Raises `SettingError`.
    """
    if address is None:
        return None
    try:
        from .metrics import ServerCollector, registry_of
        from .metrics_page import MetricsPage

        registry = registry_of(ServerCollector(fanout, now, worker_pids))
        page = MetricsPage(address.host, address.port, registry, partial(tell, "error"))
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise SettingError(
            "--metrics needs prometheus-client: pip install 'echo-tui[metrics]'"
        ) from None
    tell("info", f"metrics on {page.url}")
    return page


def reloader(
    submit: Callable[[Command], None],
    tell: Callable[[str, str], None],
    log: LogWriter,
    systemd: Notifier,
    status: str,
) -> Callable[[], None] | None:
    """What SIGHUP does; None where it stops the server, for want of a configuration file."""
    ctx = click.get_current_context()
    if not current(ctx).path:
        return None

    def change(name: str, value: int | float | str) -> None:
        submit(Set(request=0, name=name, value=value))

    changes: dict[str, Callable[[Any], None]] = {"log_level": log.set_level}
    changes |= {name: partial(change, name) for name in RUNTIME_SETTINGS}
    read_again = Reloader(ctx, changes, tell)

    def reload() -> None:
        systemd.reloading()
        read_again()
        systemd.ready(status)

    return reload
