"""The end of a connection whose echo is written: how long its peer is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Linger:
    """The wait, after our FIN, for the peer to acknowledge what was written, and to end too."""

    begun_at: float
    patience: float
    """Seconds to wait for the peer's FIN once everything is acknowledged."""
    due: float
    """When it is checked next."""
    until: float = inf
    """When it ends at the latest, whatever is unacknowledged then."""

    def bound(self, until: float) -> None:
        """Wait for the peer's FIN no more, and for its acknowledgements until `until` at most."""
        self.patience, self.until = 0.0, min(self.until, until)
