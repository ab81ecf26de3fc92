"""System calls on connections, published one by one for those that are traced."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from ..core.commands import TraceLevel
from .broken_frame import Chunk
from .calls import Calls
from .connection import Connection
from .reporter import Reporter


class TracedCalls:
    """read and write of the loop's calls; those on traced connections are published."""

    def __init__(
        self, connections: Mapping[int, Connection], reporter: Reporter, calls: Calls
    ) -> None:
        self._connections = connections
        self._calls = calls
        self._reporter = reporter

    def read(self, fd: int, size: int) -> bytes:
        """Call read(2). Raises OSError."""
        self._calls.counts.reads += 1
        if not (self._reporter.inspected or self._reporter.tells_all_calls):
            return self._calls.read(fd, size)
        try:
            data = self._calls.read(fd, size)
        except OSError as error:
            self._publish(fd, "read", size, -1, error)
            raise
        self._publish(fd, "read", size, len(data), data=[data])
        return data

    def write(self, fd: int, chunks: Sequence[Chunk]) -> int:
        """Call write(2), or writev(2) for more than one chunk. Raises OSError."""
        self._calls.counts.writes += 1
        if not (self._reporter.inspected or self._reporter.tells_all_calls):
            return self._calls.write_all(fd, chunks)
        try:
            count = self._calls.write_all(fd, chunks)
        except OSError as error:
            self._publish(fd, "write", sum(map(len, chunks)), -1, error)
            raise
        self._publish(fd, "write", sum(map(len, chunks)), count, data=chunks)
        return count

    def _publish(
        self,
        fd: int,
        call: str,
        asked: int,
        result: int,
        error: OSError | None = None,
        data: Sequence[Chunk] = (),
    ) -> None:
        connection = self._connections[fd]
        if not (connection.trace.tells_calls or self._reporter.tells_all_calls):
            return
        name = errno.errorcode.get(error.errno or 0, str(error)) if error else ""
        published = self._reporter.publish_call(connection, call, asked, result, name)
        if published and connection.trace is TraceLevel.BYTES and result > 0:
            self._reporter.publish_bytes(connection, call, b"".join(data)[:result])
