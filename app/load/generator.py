"""One process of the load generator: its connections, in a loop of their own.

Each connection goes round the reel. A wake-up is one read(2), one comparison with the reel, one
bisection for how many frames are complete, and one write(2) of as many further frames: nothing per
byte, and nothing per frame in a closed loop. In an open loop every frame has the time at which it
was due, and its latency is measured from then on: a server that stalls is charged for every frame
that had to wait meanwhile (else it would be charged for those on their way only, the coordinated
omission). That time is a function of the frame's number, so nothing is kept for it.
"""

from __future__ import annotations

import os
import socket
from bisect import bisect_right
from collections.abc import Callable
from time import monotonic, monotonic_ns, process_time
from typing import Final

from ..core.framing import HEADER_SIZE
from ..core.histogram import Histogram
from .findings import Finding, counted, wrong_echo
from .frame_loop import WINDOW, FrameLoop
from .load_connection import LoadConnection
from .load_plan import LoadShare
from .load_poller import POLLIN, POLLOUT, best_poller
from .outcome import HISTOGRAM_BITS, MOST_FINDINGS, TELL_EVERY, Outcome, Progress

UNLIMITED: Final = 1 << 62


class Generator:
    """Sends what a share asks for on open connections, and measures; owns the sockets.

    `tell` takes a `Progress` now and then; `control` is a descriptor that becomes readable when the
    run shall end early.
    """

    def __init__(
        self,
        share: LoadShare,
        reel: FrameLoop,
        opened: dict[int, socket.socket],
        control: int,
        tell: Callable[[Progress], None],
    ) -> None:
        self._share = share
        self._reel = reel
        self._tell = tell
        self._control = control
        self._depth = share.depth
        self._connections = [
            LoadConnection(place, number, sock, reel)
            for place, (number, sock) in enumerate(sorted(opened.items()))
        ]
        self._by_fd = {connection.fd: connection for connection in self._connections}
        self._poller = best_poller()
        self._latency = Histogram(HISTOGRAM_BITS)
        self._told = Histogram(HISTOGRAM_BITS)
        self._findings: list[Finding] = []
        self._found = 0
        self._limit = share.frames or UNLIMITED
        """Frames that may be begun in all; lowered to what is begun, nothing more is sent."""
        self._begun = self._echoed = self._given_up = self._bytes = 0
        self._wrong = self._missing = self._lost = 0
        self._rate = share.rate
        self._next = 0
        """Number of the next frame of the open loop, over all connections in turn."""
        self._started_us = 0
        self._asked_to_stop = False

    def run(self) -> Outcome:
        """Send until the time is up or the frames are sent, and wait for the last echoes."""
        self._poller.register(self._control, POLLIN)
        for fd in self._by_fd:
            self._poller.register(fd, POLLIN)
        try:
            return self._run()
        finally:
            self._poller.close()
            for connection in self._connections:
                connection.sock.close()

    def _run(self) -> Outcome:
        started, cpu = monotonic(), process_time()
        self._started_us = monotonic_ns() // 1000
        if not self._rate:
            for connection in self._connections:
                self._begin(connection, min(self._depth, self._limit - self._begun))
        self._measure(started)
        measured_s, cpu_s = monotonic() - started, process_time() - cpu
        frames = self._echoed
        bodies = self._bytes - HEADER_SIZE * frames
        self._limit = self._begun
        self._drain()
        self._expect_nothing_in_flight()
        late = sum(connection.due for connection in self._connections)
        return Outcome(
            frames=self._echoed,
            measured_frames=frames,
            measured_bytes=max(0, bodies),
            measured_s=measured_s,
            cpu_s=cpu_s,
            wrong=self._wrong,
            missing=self._missing,
            lost=self._lost,
            late=late,
            stranded=late - sum(connection.due for connection in self._by_fd.values()),
            findings=tuple(self._findings),
            found=self._found,
            latency=self._latency.to_counts(),
        )

    def _measure(self, started: float) -> None:
        """Until the time is up, everything is done, nobody is left, or a stop is asked for."""
        end = started + (self._share.duration or float("inf"))
        next_tell = moved_at = started
        moved = -1
        while self._by_fd and not self._asked_to_stop:
            now = monotonic()
            if now >= end or (self._in_flight == 0 and self._nothing_to_send()):
                return
            if now >= next_tell:
                self._tell_progress(now - started)
                next_tell = now + TELL_EVERY
            if self._bytes != moved or not self._in_flight:
                moved, moved_at = self._bytes, now
            elif now - moved_at > self._share.timeout and not self._share.duration:
                return
            wait = min(end, next_tell) - now
            self._turn(min(wait, self._send_what_is_due()) if self._rate else wait)

    def _drain(self) -> None:
        """Wait for the echoes that are on their way, as long as something comes."""
        deadline, moved = 0.0, -1
        while self._in_flight and self._by_fd:
            if self._bytes != moved:
                deadline, moved = monotonic() + self._share.timeout, self._bytes
            rest = deadline - monotonic()
            if rest <= 0:
                return
            self._turn(rest)

    @property
    def _in_flight(self) -> int:
        return self._begun - self._echoed - self._given_up

    def _nothing_to_send(self) -> bool:
        if not self._rate:
            return self._begun >= self._limit
        # What was due on connections that are gone is not sent by others.
        left = any(connection.due for connection in self._by_fd.values())
        return self._next >= self._limit and not left

    def _tell_progress(self, seconds: float) -> None:
        recent = self._latency.minus(self._told)
        self._told.merge(recent)
        self._tell(
            Progress(
                seconds=seconds,
                alive=len(self._by_fd),
                frames=self._echoed,
                bytes=self._bytes - HEADER_SIZE * self._echoed,
                wrong=self._wrong + self._missing + self._lost,
                latency=recent.to_counts(),
            )
        )

    # --- the loop ---

    def _turn(self, seconds: float) -> None:
        by_fd = self._by_fd
        for fd, events in self._poller.poll(seconds):
            connection = by_fd.get(fd)
            if connection is None:
                if fd == self._control:
                    self._asked_to_stop = True
                    self._poller.unregister(fd)
                continue
            if events & POLLOUT:
                self._write(connection)
            if events != POLLOUT and connection.sock.fileno() >= 0:
                self._read(connection)

    def _read(self, connection: LoadConnection) -> None:
        """Take what has come, verify it, and send as many frames as are complete."""
        outstanding = connection.outstanding
        try:
            # One byte more than is due, so that what nobody sent is noticed.
            data = os.read(connection.fd, outstanding + 1 if outstanding < WINDOW else WINDOW)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, f"{error.strerror}".lower())
            return
        size, position, reel = len(data), connection.position, self._reel
        if not 0 < size <= outstanding or not reel.stream.startswith(data, position):
            self._misbehaved(connection, data)
            return
        connection.outstanding = outstanding - size
        self._bytes += size
        position += size
        due = connection.frame
        frame = bisect_right(reel.starts, position, due, due + self._depth + 2) - 1
        if frame == due:
            connection.position = position
            return
        if frame >= reel.frames:
            connection.frame, connection.position = frame - reel.frames, position - reel.size
        else:
            connection.frame, connection.position = frame, position
        self._complete(connection, frame - due)

    def _complete(self, connection: LoadConnection, done: int) -> None:
        """`done` echoes are right and whole: record them, and begin others."""
        now = monotonic_ns() // 1000
        self._echoed += done
        connection.in_flight -= done
        if self._rate:
            self._record_from_due(connection, done, now)
            connection.echoed += done
            if connection.due:
                self._begin_due(connection)
            return
        connection.echoed += done
        again = done
        batches = connection.batches
        while done:
            frames, begun = batches.popleft()
            if frames > done:
                batches.appendleft((frames - done, begun))
                frames = done
            self._latency.record(now - begun, frames)
            done -= frames
        room = self._limit - self._begun
        if room > 0:
            self._begin(connection, again if again < room else room)

    def _begin(self, connection: LoadConnection, frames: int) -> None:
        """Send `frames` more frames, in one write if the socket takes them."""
        if frames <= 0 or connection.takes_no_more:
            return
        reel, first = self._reel, connection.send_frame
        end = first + frames
        size = reel.starts[end] - reel.starts[first]
        connection.send_frame = end if end < reel.frames else end - reel.frames
        connection.in_flight += frames
        self._begun += frames
        if not self._rate:
            connection.batches.append((frames, monotonic_ns() // 1000))
        connection.unsent += size
        if not connection.waits_to_write:
            self._write(connection)

    def _write(self, connection: LoadConnection) -> None:
        reel = self._reel
        while connection.unsent:
            begin = connection.send_position
            # Ends with the reel's stream at the latest: then the rest is another piece.
            piece = reel.view[begin : begin + connection.unsent]
            try:
                written = os.write(connection.fd, piece)
            except BlockingIOError:
                break
            except OSError:
                # Echoes may stand before the end: reading goes on, and tells of it.
                connection.takes_no_more = True
                connection.unsent = 0
                break
            connection.unsent -= written
            connection.outstanding += written
            begin += written
            connection.send_position = begin if begin < reel.size else begin - reel.size
            if written < len(piece):
                break
        if connection.waits_to_write != (connection.unsent > 0):
            connection.waits_to_write = connection.unsent > 0
            interest = POLLIN | POLLOUT if connection.waits_to_write else POLLIN
            self._poller.modify(connection.fd, interest)

    # --- the open loop ---

    def _send_what_is_due(self) -> float:
        """Begin the frames whose time has come; the seconds until the next."""
        connections, turns = self._connections, len(self._connections)
        passed = monotonic_ns() // 1000 - self._started_us
        due = int(passed * self._rate / 1_000_000) + 1
        if self._share.frames:
            due = min(due, self._share.frames)
        # By connection and not by frame: at a rate beyond the server's, or this process's, going
        # through what is due would take longer than it takes as much again to be due.
        behind = due - self._next
        for place in range(min(behind, turns)):
            connection = connections[(self._next + place) % turns]
            connection.due += 1 + (behind - place - 1) // turns
            if connection.in_flight < self._depth:
                self._begin_due(connection)
        self._next = due
        if due == self._share.frames:
            return TELL_EVERY
        return max(0.0, self._next / self._rate - passed / 1_000_000)

    def _begin_due(self, connection: LoadConnection) -> None:
        gone = connection.takes_no_more or connection.sock.fileno() < 0
        if gone or self._begun >= self._limit:
            return
        frames = min(connection.due, self._depth - connection.in_flight)
        connection.due -= frames
        self._begin(connection, frames)

    def _record_from_due(self, connection: LoadConnection, done: int, now: int) -> None:
        turns = len(self._connections)
        for frame in range(connection.echoed, connection.echoed + done):
            due = self._started_us + connection.due_after(frame, turns, self._rate)
            self._latency.record(max(0, now - due))

    # --- what goes wrong ---

    def _misbehaved(self, connection: LoadConnection, data: bytes) -> None:
        if not data:
            self._lose(connection, "closed by the server")
            return
        number, offset, text = wrong_echo(
            self._reel,
            connection.position,
            connection.frame,
            connection.echoed,
            connection.in_flight,
            data,
            connection.outstanding,
        )
        behind = connection.in_flight - (number - connection.echoed) - 1
        if behind > 0:
            text += f" (not looked at: {counted(behind, 'echo', 'echoes')} behind it)"
        self._wrong += 1
        self._find(Finding(connection.number, number, offset, "wrong", text))
        self._close(connection)

    def _lose(self, connection: LoadConnection, how: str) -> None:
        """The server has ended the connection, or the network has."""
        if connection.in_flight:
            self._miss(connection, how)
        else:
            text = f"{how}, no echo missing"
            self._find(Finding(connection.number, connection.echoed, 0, "lost", text))
        self._lost += 1
        self._close(connection)

    def _miss(self, connection: LoadConnection, how: str) -> None:
        came = connection.position - self._reel.starts[connection.frame]
        size = len(self._reel.frame(connection.frame))
        text = (
            f"{how} with {counted(connection.in_flight, 'echo', 'echoes')} missing; "
            f"of this one came {came:,} of {size:,} bytes"
        )
        self._missing += connection.in_flight
        self._find(Finding(connection.number, connection.echoed, came, "missing", text))

    def _expect_nothing_in_flight(self) -> None:
        for connection in self._by_fd.values():
            if connection.in_flight:
                self._miss(connection, f"not a byte for {self._share.timeout:g} s")

    def _find(self, finding: Finding) -> None:
        self._found += 1
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)

    def _close(self, connection: LoadConnection) -> None:
        self._given_up += connection.in_flight
        del self._by_fd[connection.fd]
        self._poller.unregister(connection.fd)
        connection.sock.close()
