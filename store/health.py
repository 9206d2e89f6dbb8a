"""What a file system may get wrong, and what processes that died may have left behind."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from . import disk, pins
from .errors import StoreError, StoreLocked
from .layout import Layout
from .locks import locked

_OLD = 86400.0  # seconds after which a temporary file has no writer any more


@dataclass(frozen=True)
class Health:
    """``locks``: whether a lock that is held keeps others out. ``syncs``: whether files and folders can be made durable.

    ``error`` says what failed where one of them did. ``stale_pins`` and ``leftovers`` are files of dead writers, ``trash_bytes`` wait
    there for gc.
    """

    locks: bool
    syncs: bool
    stale_pins: int
    leftovers: int
    trash_bytes: int
    error: str = ""


def examine(layout: Layout) -> Health:
    """Try the file system with a file of our own, and count what was left behind. A store that cannot be written fails both trials."""
    locks, syncs, error = False, False, ""
    try:
        locks = _lock_keeps_others_out(layout)
        syncs = _syncs(layout)
    except StoreError as failed:
        error = str(failed)
    now = time.time()
    times = [disk.modified(layout.tmp / name) for name in disk.names(layout.tmp)]
    return Health(
        locks=locks,
        syncs=syncs,
        stale_pins=pins.count_stale(layout),
        leftovers=sum(modified is not None and now - modified > _OLD for modified in times),
        trash_bytes=sum(disk.size(layout.trash / name) or 0 for name in disk.names(layout.trash)),
        error=error,
    )


def _lock_keeps_others_out(layout: Layout) -> bool:
    path = layout.locks / f"trial-{uuid.uuid4().hex}"
    try:
        with locked(path, timeout=1, purpose="trying locks"):
            try:
                with locked(path, timeout=0, purpose="trying locks"):
                    return False
            except StoreLocked:
                return True
    finally:
        disk.remove(path, sync=False)


def _syncs(layout: Layout) -> bool:
    path = layout.tmp / f"trial-{uuid.uuid4().hex}"
    disk.publish(path, b"x", tmp=layout.tmp)
    return disk.remove(path)
