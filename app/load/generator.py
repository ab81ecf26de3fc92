"""The measuring loop of one process of the load generator.

Each connection goes round the frame loop. A wake-up is one read(2), one comparison with the frame
loop, one bisection for the number of complete frames, and one write(2) of as many further frames:
no work per byte, and in a closed loop none per frame.

In an open loop every frame has a time at which it is due, and its latency counts from that time. So
a server that stalls is charged for every frame that had to wait, not only for those in flight
(which would be coordinated omission). The due time is computed from the number of the frame and is
not stored.
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
from ..core.printable import reason_of
from .findings import Finding, counted, locate_wrong_echo
from .frame_loop import WINDOW, FrameLoop
from .load_connection import LoadConnection
from .load_plan import LoadShare
from .load_poller import POLLIN, POLLOUT, best_poller
from .outcome import HISTOGRAM_BITS, MOST_FINDINGS, PROGRESS_INTERVAL, Outcome, Progress

UNLIMITED: Final = 1 << 62


class Generator:
    """Sends the frames of a share on open connections, and measures; it closes the sockets.

    `publish` is called with a `Progress` every `PROGRESS_INTERVAL` seconds. `control` is a
    descriptor that becomes readable when the run shall stop early.
    """

    def __init__(
        self,
        share: LoadShare,
        frame_loop: FrameLoop,
        opened: dict[int, socket.socket],
        control: int,
        publish: Callable[[Progress], None],
    ) -> None:
        self._share = share
        self._frame_loop = frame_loop
        self._publish = publish
        self._control = control
        self._depth = share.depth
        self._connections = [
            LoadConnection(place, number, sock, frame_loop)
            for place, (number, sock) in enumerate(sorted(opened.items()))
        ]
        self._by_fd = {connection.fd: connection for connection in self._connections}
        self._poller = best_poller()
        self._latency = Histogram(HISTOGRAM_BITS)
        self._published = Histogram(HISTOGRAM_BITS)
        self._findings: list[Finding] = []
        self._found = 0
        self._limit = share.frames or UNLIMITED
        """Most frames to begin in all; `_drain` needs it lowered to the number begun."""
        self._begun = self._echoed = self._given_up = self._bytes = 0
        self._wrong = self._missing = self._lost = 0
        self._rate = share.rate
        self._next_frame = 0
        """Number of the next frame of the open loop, counted over all connections in turn."""
        self._started_us = 0
        self._is_stopping = False

    def run(self) -> Outcome:
        """Send until the time is up or all frames are sent, then wait for the last echoes."""
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
                self._begin_frames(connection, min(self._depth, self._limit - self._begun))
        self._measure(started)
        measured_s, cpu_s = monotonic() - started, process_time() - cpu
        frames = self._echoed
        bodies = self._bytes - HEADER_SIZE * frames
        self._limit = self._begun
        self._drain()
        for connection in self._by_fd.values():
            if connection.in_flight:
                self._record_missing(connection, f"not a byte for {self._share.timeout:g} s")
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
        """Send until the time is up, all is echoed, no connection is left, or on a stop."""
        end = started + (self._share.duration or float("inf"))
        next_progress = moved_at = started
        moved = -1
        while self._by_fd and not self._is_stopping:
            now = monotonic()
            if now >= end or (self._in_flight == 0 and self._has_sent_all()):
                return
            if now >= next_progress:
                self._publish_progress(now - started)
                next_progress = now + PROGRESS_INTERVAL
            if self._bytes != moved or not self._in_flight:
                moved, moved_at = self._bytes, now
            elif now - moved_at > self._share.timeout and not self._share.duration:
                return
            wait = min(end, next_progress) - now
            self._poll_once(min(wait, self._send_what_is_due()) if self._rate else wait)

    def _drain(self) -> None:
        """Wait for the echoes in flight, up to `timeout` seconds after the last byte."""
        deadline, moved = 0.0, -1
        while self._in_flight and self._by_fd:
            if self._bytes != moved:
                deadline, moved = monotonic() + self._share.timeout, self._bytes
            rest = deadline - monotonic()
            if rest <= 0:
                return
            self._poll_once(rest)

    @property
    def _in_flight(self) -> int:
        return self._begun - self._echoed - self._given_up

    def _has_sent_all(self) -> bool:
        if not self._rate:
            return self._begun >= self._limit
        # Frames that were due on a lost connection are not sent on another one.
        left = any(connection.due for connection in self._by_fd.values())
        return self._next_frame >= self._limit and not left

    def _publish_progress(self, seconds: float) -> None:
        recent = self._latency.minus(self._published)
        self._published.merge(recent)
        self._publish(
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

    def _poll_once(self, seconds: float) -> None:
        by_fd = self._by_fd
        for fd, events in self._poller.poll(seconds):
            connection = by_fd.get(fd)
            if connection is None:
                if fd == self._control:
                    self._is_stopping = True
                    self._poller.unregister(fd)
                continue
            if events & POLLOUT:
                self._write(connection)
            if events != POLLOUT and connection.sock.fileno() >= 0:
                self._read(connection)

    def _read(self, connection: LoadConnection) -> None:
        """Read and verify what has come, and begin one frame for each complete echo."""
        outstanding = connection.outstanding
        try:
            # One byte more than is due, so that a surplus byte is noticed.
            data = os.read(connection.fd, outstanding + 1 if outstanding < WINDOW else WINDOW)
        except BlockingIOError:
            return
        except OSError as error:
            self._record_lost(connection, reason_of(error).lower())
            return
        size, position, frame_loop = len(data), connection.position, self._frame_loop
        if not 0 < size <= outstanding or not frame_loop.stream.startswith(data, position):
            self._record_wrong_echo(connection, data)
            return
        connection.outstanding = outstanding - size
        self._bytes += size
        position += size
        due = connection.frame
        frame = bisect_right(frame_loop.starts, position, due, due + self._depth + 2) - 1
        if frame == due:
            connection.position = position
            return
        done = frame - due
        if frame >= frame_loop.frames:
            frame -= frame_loop.frames
            position -= frame_loop.size
        connection.frame, connection.position = frame, position
        self._complete(connection, done)

    def _complete(self, connection: LoadConnection, done: int) -> None:
        """Record `done` complete and right echoes, and begin further frames."""
        now = monotonic_ns() // 1000
        self._echoed += done
        connection.in_flight -= done
        if self._rate:
            turns = len(self._connections)
            for frame in range(connection.echoed, connection.echoed + done):
                due = self._started_us + connection.due_after(frame, turns, self._rate)
                self._latency.record(max(0, now - due))
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
            self._begin_frames(connection, again if again < room else room)

    def _begin_frames(self, connection: LoadConnection, frames: int) -> None:
        """Begin `frames` more frames, with one write if the socket accepts them all."""
        if frames <= 0 or connection.write_failed:
            return
        frame_loop, first = self._frame_loop, connection.send_frame
        end = first + frames
        size = frame_loop.starts[end] - frame_loop.starts[first]
        connection.send_frame = end if end < frame_loop.frames else end - frame_loop.frames
        connection.in_flight += frames
        self._begun += frames
        if not self._rate:
            connection.batches.append((frames, monotonic_ns() // 1000))
        connection.unsent += size
        if not connection.waits_to_write:
            self._write(connection)

    def _write(self, connection: LoadConnection) -> None:
        frame_loop = self._frame_loop
        while connection.unsent:
            begin = connection.send_position
            # A slice ends at the end of the stream; the rest is then another piece.
            piece = frame_loop.view[begin : begin + connection.unsent]
            try:
                written = os.write(connection.fd, piece)
            except BlockingIOError:
                break
            except OSError:
                # Echoes may have come before the end: go on reading, which will report the loss.
                connection.write_failed = True
                connection.unsent = 0
                break
            connection.unsent -= written
            connection.outstanding += written
            begin += written
            connection.send_position = begin if begin < frame_loop.size else begin - frame_loop.size
            if written < len(piece):
                break
        if connection.waits_to_write != (connection.unsent > 0):
            connection.waits_to_write = connection.unsent > 0
            interest = POLLIN | POLLOUT if connection.waits_to_write else POLLIN
            self._poller.modify(connection.fd, interest)

    # --- the open loop ---

    def _send_what_is_due(self) -> float:
        """Begin the frames that are due; return the seconds until the next one is due."""
        connections, turns = self._connections, len(self._connections)
        passed = monotonic_ns() // 1000 - self._started_us
        due = int(passed * self._rate / 1_000_000) + 1
        if self._share.frames:
            due = min(due, self._share.frames)
        # One step per connection, not per frame: at a rate that is too high for the server or for
        # this process, the frames would become due faster than a loop over them could run.
        behind = due - self._next_frame
        for place in range(min(behind, turns)):
            connection = connections[(self._next_frame + place) % turns]
            connection.due += 1 + (behind - place - 1) // turns
            if connection.in_flight < self._depth:
                self._begin_due(connection)
        self._next_frame = due
        if due == self._share.frames:
            return PROGRESS_INTERVAL
        return max(0.0, self._next_frame / self._rate - passed / 1_000_000)

    def _begin_due(self, connection: LoadConnection) -> None:
        gone = connection.write_failed or connection.sock.fileno() < 0
        if gone or self._begun >= self._limit:
            return
        frames = min(connection.due, self._depth - connection.in_flight)
        connection.due -= frames
        self._begin_frames(connection, frames)

    # --- what goes wrong ---

    def _record_wrong_echo(self, connection: LoadConnection, data: bytes) -> None:
        if not data:
            self._record_lost(connection, "closed by the server")
            return
        number, offset, text = locate_wrong_echo(
            self._frame_loop,
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
        self._add_finding(Finding(connection.number, number, offset, "wrong", text))
        self._close(connection)

    def _record_lost(self, connection: LoadConnection, how: str) -> None:
        """Record a connection that the server or the network has ended, and close it."""
        if connection.in_flight:
            self._record_missing(connection, how)
        else:
            text = f"{how}, no echo missing"
            self._add_finding(Finding(connection.number, connection.echoed, 0, "lost", text))
        self._lost += 1
        self._close(connection)

    def _record_missing(self, connection: LoadConnection, how: str) -> None:
        came = connection.position - self._frame_loop.starts[connection.frame]
        size = len(self._frame_loop.frame(connection.frame))
        text = (
            f"{how} with {counted(connection.in_flight, 'echo', 'echoes')} missing; "
            f"of this one came {came:,} of {size:,} bytes"
        )
        if connection.batches:
            begun = connection.batches[0][1]
            text += f", it was begun {(monotonic_ns() // 1000 - begun) / 1e6:.1f} s ago"
        if connection.unsent:
            text += f"; {connection.unsent:,} bytes of ours wait, as the server does not read"
        else:
            text += f"; {connection.outstanding:,} bytes were sent that have not come back"
        self._missing += connection.in_flight
        self._add_finding(Finding(connection.number, connection.echoed, came, "missing", text))

    def _add_finding(self, finding: Finding) -> None:
        self._found += 1
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)

    def _close(self, connection: LoadConnection) -> None:
        self._given_up += connection.in_flight
        del self._by_fd[connection.fd]
        self._poller.unregister(connection.fd)
        connection.sock.close()
