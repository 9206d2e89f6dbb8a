"""Health: whether the file system does what a store needs, and what dead processes left behind."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from ..errors import StoreError, StoreLocked
from ..format.layout import Layout
from ..local import disk
from ..local.leases import count_expired
from ..local.locks import locked

_LEFTOVER_AFTER = 86400.0  # seconds after which nobody writes a temporary file any more


@dataclass(frozen=True)
class Health:
    """The result of an examination.

    Args:
        locks: Whether a lock keeps others out.
        syncs: Whether files and folders can be made durable.
        stale_pins: Expired leases.
        leftovers: Temporary files of dead writers.
        trash_bytes: What gc will delete.
        error: Why locking or syncing failed, or "".
    """

    locks: bool
    syncs: bool
    stale_pins: int
    leftovers: int
    trash_bytes: int
    error: str = ""


def examine(layout: Layout) -> Health:
    """Try to lock and to sync, and count what was left behind. Both trials fail on a store that cannot be written."""
    locks, syncs, error = False, False, ""
    try:
        locks = _try_lock(layout)
        syncs = _try_sync(layout)
    except StoreError as failed:
        error = str(failed)
    now = time.time()
    times = [disk.modified(layout.tmp / name) for name in disk.names(layout.tmp)]
    return Health(
        locks=locks,
        syncs=syncs,
        stale_pins=count_expired(layout),
        leftovers=sum(modified is not None and now - modified > _LEFTOVER_AFTER for modified in times),
        trash_bytes=sum(disk.size(layout.trash / name) or 0 for name in disk.names(layout.trash)),
        error=error,
    )


def _try_lock(layout: Layout) -> bool:
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


def _try_sync(layout: Layout) -> bool:
    path = layout.tmp / f"trial-{uuid.uuid4().hex}"
    disk.publish(path, b"x", tmp=layout.tmp)
    return disk.remove(path)
