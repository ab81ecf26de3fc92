"""The evidence of a check, as files: what a client sent and got, and what was done to its echo."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from ..core.printable import printable, reason_of
from .client_run import CannotCheck, ClientRun
from .watched_server import SeenConnection

MOST: Final = 50
"""Connections of one case of which files are written, the first ones."""
_OWN: Final = ("output.txt", "[0-9]*.receipt.json", "[0-9]*.bin", "[0-9]*.reads.txt")


class Evidence:
    """A folder with one more for each case; what an earlier check has left in these goes."""

    def __init__(self, folder: Path) -> None:
        """Raises `CannotCheck` if nothing can be written there."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".echo-tui"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._failed(folder, error) from None

    def write(self, case: str, run: ClientRun) -> None:
        """Write what is known of a run. Raises `CannotCheck`."""
        folder = self._folder / case
        try:
            folder.mkdir(exist_ok=True)
            for own in _OWN:
                for old in folder.glob(own):
                    old.unlink()
            (folder / "output.txt").write_bytes(run.output)
            for one in run.connections[:MOST]:
                _write_connection(folder, one)
        except OSError as error:
            raise self._failed(folder, error) from None

    @staticmethod
    def _failed(folder: Path, error: OSError) -> CannotCheck:
        return CannotCheck(f"--keep {printable(str(folder))}: {reason_of(error)}")


def _write_connection(folder: Path, one: SeenConnection) -> None:
    receipt = msgspec.json.format(msgspec.json.encode(one.receipt))
    (folder / f"{one.id}.receipt.json").write_bytes(receipt + b"\n")
    kept = one.kept
    for piece in () if kept is None else kept.pieces:
        at = f".at-{piece.offset}" if piece.offset else ""  # there is a gap before it
        (folder / f"{one.id}.sent{at}.bin").write_bytes(piece.data)
    echo = b"" if kept is None else kept.echo
    if not echo:  # it had no fault, and a whole echo is what was sent
        echo = one.first_bytes[: one.bytes_out]
    (folder / f"{one.id}.echo.bin").write_bytes(echo)
    reads = () if kept is None else kept.reads
    lines = [f"{read.offset} {read.size} {read.t:.6f}\n" for read in reads]
    (folder / f"{one.id}.reads.txt").write_text("".join(lines), "utf-8")
