"""The bounds of one wake-up, which keep the loop fair between connections."""

from __future__ import annotations

from typing import Final

BYTE_BUDGET: Final = 1024 * 1024
"""Bytes of one read at most, and of one wake-up."""
FRAME_BUDGET: Final = 1024
"""Frames parsed in one call at most, about 0.1 ms of work."""
WRITEV_MAX: Final = 64
"""Chunks given to one writev(2) at most; the kernel's limit is 1024 (IOV_MAX)."""
BATCH_BUDGET: Final = 8 * 1024 * 1024
"""Bytes that a batch moves in each direction, shared by the ready connections, `READ_SIZE` each at
least. Without it 200 readers that never read, with 256 KiB frames, made an iteration of 256 ms."""
PIECE_BUDGET: Final = 64
"""Pieces of a faulty echo that one wake-up writes."""
