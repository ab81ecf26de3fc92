"""The system calls of traced connections, told one by one."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

from ..core.events import TraceLevel
from .connection import Chunk, Connection
from .reporter import Reporter


class TracedCalls:
    """read, write and writev as `os` has them; those on traced connections are told."""

    def __init__(self, connections: Mapping[int, Connection], reporter: Reporter) -> None:
        self._connections = connections
        self._reporter = reporter

    def read(self, fd: int, size: int) -> bytes:
        """read(2)"""
        try:
            data = os.read(fd, size)
        except OSError as error:
            self._tell(fd, "read", size, -1, error)
            raise
        self._tell(fd, "read", size, len(data), data=[data])
        return data

    def write(self, fd: int, chunks: Sequence[Chunk]) -> int:
        """write(2), or writev(2) for more than one chunk"""
        try:
            count = os.writev(fd, chunks) if len(chunks) > 1 else os.write(fd, chunks[0])
        except OSError as error:
            self._tell(fd, "write", sum(map(len, chunks)), -1, error)
            raise
        self._tell(fd, "write", sum(map(len, chunks)), count, data=chunks)
        return count

    def _tell(
        self,
        fd: int,
        call: str,
        asked: int,
        result: int,
        error: OSError | None = None,
        data: Sequence[Chunk] = (),
    ) -> None:
        connection = self._connections[fd]
        if not (connection.trace.tells_calls or self._reporter.trace_all.tells_calls):
            return
        name = errno.errorcode.get(error.errno or 0, str(error)) if error else ""
        told = self._reporter.io(connection, call, asked, result, name)
        if told and connection.trace is TraceLevel.BYTES and result > 0:
            self._reporter.bytes_moved(connection, call, b"".join(data)[:result])
