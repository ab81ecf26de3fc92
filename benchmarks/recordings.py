"""An hour at 1,000 events a second: what recording it costs, and opening and seeking in it.

    python -m benchmarks.recordings [--seconds 3600] [--rate 1000] [--connections 100]

The recorder is the real one, fed without a server as fast as it takes it, on a clock of its own.
Seeks are to random times, each with the model that it ends in. All times are CPU times, of all
threads: what a quiet machine takes if it has the file in its page cache.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from app.core.events import Closed, ConnectionState, Event, Io, Opened, Reason, Snapshot, Toggled
from app.recording.disk import Disk
from app.recording.files import create
from app.recording.keyframes import state_at
from app.recording.reader import Recording
from app.recording.recorder import INTERVAL, Recorder
from app.ui.replay_source import ReplaySource
from app.watch.stream import Drained, EventStream
from tests.making import NOW, listening, loop_stats

SEEKS: Final = 50


def main() -> None:
    """Make a recording, open it, seek in it, and print what each took."""
    run.main()


@click.command()
@click.option("--seconds", default=3600, show_default=True)
@click.option("--rate", default=1000, show_default=True, help="Events a second.")
@click.option("--connections", default=100, show_default=True, help="Open at a time, all busy.")
def run(seconds: int, rate: int, connections: int) -> None:
    """An hour of a busy server: recorded, opened, sought in."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
        path = Path(folder) / "hour.rec"
        cpu, events = record(path, seconds, rate, connections)
        size = path.stat().st_size
        print(f"{events:,} events in {seconds:,} s, {connections:,} busy connections")
        print(f"recording   {cpu / seconds:.2%} of a core, {size / 1e6:,.0f} MB,", end=" ")
        print(f"{size / events:.0f} bytes an event, with its share of the snapshots")
        opened, seeks = seek(path)
        print(f"opening     {opened * 1000:,.0f} ms, every record checked")
        print(f"seeking     median {statistics.median(seeks) * 1000:,.0f} ms,", end=" ")
        print(f"worst of {SEEKS} {max(seeks) * 1000:,.0f} ms")


def record(path: Path, seconds: int, rate: int, connections: int) -> tuple[float, int]:
    """Make the recording; the CPU seconds it took, and its events."""
    now = NOW
    disk = Disk(create(path))
    recorder = Recorder(EventStream(), disk, lambda: now)
    recorder.begin()
    disk.start()
    cpu = 0.0
    for now, drained in life(seconds, rate, connections):  # noqa: B007  the clock above reads it
        started = time.process_time()
        recorder.record(drained)
        while disk.waiting:
            time.sleep(0.0001)
        cpu += time.process_time() - started
    recorder.end("the benchmark is over")
    disk.join(60)
    return cpu, recorder.events


def life(seconds: int, rate: int, connections: int) -> Iterator[tuple[float, Drained]]:
    """Drains of a server that has as many events a second, of every kind that comes often."""
    chance = random.Random(1)
    live: list[int] = []
    last_id = 0
    yield NOW, Drained([listening()], [], None, 0)
    for step in range(int(seconds / INTERVAL)):
        start = NOW + step * INTERVAL
        events: list[Event] = []
        for number in range(int(rate * INTERVAL)):
            t = start + number / rate
            if number % 4 == 0:
                last_id += 1
                live.append(last_id)
                peer = f"127.0.0.1:{chance.randrange(30_000, 60_000)}"
                events.append(Opened(t=t, id=last_id, fd=chance.randrange(8, 999), peer=peer))
            elif number % 4 == 1 and len(live) > connections:
                events.append(_closed(t, live.pop(chance.randrange(len(live))), chance))
            elif number % 4 == 2:
                events.append(
                    Toggled(
                        t=t,
                        id=chance.choice(live),
                        armed=bool(number % 8),
                        pending=chance.randrange(2**20),
                        toggles=step,
                    )
                )
            else:
                size = chance.randrange(2**16)
                events.append(
                    Io(t=t, id=chance.choice(live), call="read", asked=2**16, result=size)
                )
        end = start + INTERVAL
        looks = [_look(end, connection, chance) for connection in live]
        yield end, Drained(events, looks, loop_stats(end, step * 999, 64, len(live)), 0)


def _closed(t: float, connection: int, chance: random.Random) -> Closed:
    return Closed(
        t=t,
        id=connection,
        peer=f"127.0.0.1:{chance.randrange(30_000, 60_000)}",
        reason=chance.choice((Reason.EOF, Reason.EOF, Reason.EOF, Reason.RESET)),
        detail="",
        opened_at=t - chance.random() * 60,
        frames_in=chance.randrange(10_000),
        frames_out=chance.randrange(10_000),
        bytes_in=chance.randrange(10_000_000),
        bytes_out=chance.randrange(10_000_000),
        toggles=chance.randrange(50),
        eagains=chance.randrange(50),
        partial_writes=chance.randrange(50),
    )


def _look(t: float, connection: int, chance: random.Random) -> Snapshot:
    frames, quiet = chance.randrange(1_000_000), chance.random() * 0.2
    return Snapshot(
        t=t,
        id=connection,
        state=ConnectionState.READ_BODY,
        header=chance.randrange(2**16).to_bytes(4, "big"),
        body_read=chance.randrange(2**15),
        body_length=2**16,
        out_sent=0,
        out_length=0,
        interest=1,
        toggles=chance.randrange(99),
        toggled_at=t - quiet * 50,
        eagains=chance.randrange(99),
        partial_writes=chance.randrange(99),
        frames_in=frames,
        frames_out=frames,
        bytes_in=frames * 68,
        bytes_out=frames * 68,
        frame_at=t - quiet,
        active_at=t - quiet,
    )


def seek(path: Path) -> tuple[float, list[float]]:
    """CPU seconds to open the recording, and of each seek."""
    started = time.process_time()
    with Recording(path) as recording:
        source = ReplaySource(recording)
        opened = time.process_time() - started
        chance = random.Random(2)
        seeks = []
        for _ in range(SEEKS):
            moment = chance.uniform(recording.start, recording.end)
            started = time.process_time()
            source.seek(moment)
            now = source.now()
            keyframe = source.restart()
            if keyframe is not None:
                state_at(keyframe, now).apply(source.drain(), now)
            seeks.append(time.process_time() - started)
        return opened, seeks


if __name__ == "__main__":
    main()
