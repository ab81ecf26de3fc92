"""Decides when the terminal may be sent more: once it has taken what it was sent.

Whether a write succeeds does not tell: ssh alone buffers megabytes. So a status request follows
each piece, and its answer tells that the piece has arrived. One request is under way at a time.
"""

from __future__ import annotations

from typing import Final

FIRST_ANSWER: Final = 0.4
"""Seconds after which a terminal that has never answered counts as one that does not answer."""
ASK_AGAIN: Final = 5.0
"""Seconds between two requests to a terminal that does not answer; it may be another one by then.
Also the least time after which an answer counts as lost."""
LONGEST_PATIENCE: Final = 60.0
"""Seconds after which an answer counts as lost at the most."""
LATE: Final = 1.0
"""Seconds within which a second answer to a request that was repeated is expected."""
RECENT: Final = 0.5
"""The weight of the latest piece in the time that pieces take."""


class TerminalLink:
    """Knows what is under way to one terminal. All times are in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.answers = False
        """Whether the terminal answers status requests."""
        self.piece_time = 0.0
        """Seconds that a piece takes until it is answered, of late."""
        self._asked_at: float | None = None
        self._requests = 0
        """Requests that were not answered."""
        self._patience = ASK_AGAIN
        self._extra = 0
        """Answers that may still come to requests that were repeated."""
        self._answered_at = 0.0

    def restart(self) -> None:
        """Note that the terminal was used by others: answers may have been lost."""
        self._requests = self._extra = 0
        self._asked_at, self._patience = None, ASK_AGAIN

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is expected."""
        return self._requests > 0

    def asked(self, now: float) -> None:
        """Note that a request was sent behind a piece."""
        if self._requests:
            self._patience = min(LONGEST_PATIENCE, 2 * self._patience)
        self._requests += 1
        self._asked_at = now

    def answered(self, now: float) -> None:
        """Note that an answer came, which frees the terminal for the next piece."""
        if self._extra and now - self._answered_at < LATE:
            self._extra -= 1
            return
        self.answers = True
        self._answered_at = now
        self._extra = max(0, self._requests - 1)
        if self._requests and self._asked_at is not None:
            took = now - self._asked_at
            self.piece_time += RECENT * (took - self.piece_time)
            self._patience = max(ASK_AGAIN, 4 * took)
        self._requests = 0

    def wait(self, now: float) -> float:
        """Return the seconds for which nothing may be sent unless an answer comes; 0 is now."""
        if not self._requests or self._asked_at is None:
            return 0.0
        first = FIRST_ANSWER if self._requests == 1 else 0.0
        limit = self._patience if self.answers else first
        return max(0.0, self._asked_at + limit - now)

    def wants_request(self, now: float) -> bool:
        """Whether a request is to follow what is sent now."""
        if not self._requests or self._asked_at is None:
            return True
        return now - self._asked_at >= (self._patience if self.answers else ASK_AGAIN)
