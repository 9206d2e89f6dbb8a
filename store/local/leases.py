"""Leases of running processes, which protect files from garbage collection.

While a writer's lease is live, gc keeps everything that is not older than the lease. A reader's lease keeps one
identity. A lease is a file that its owner renews by touching it; it expires after an hour, or when its process dies.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..format.layout import Layout
from ..progress import Progress
from . import disk

EXPIRES_AFTER = 3600.0  # seconds without renewal; no timestep takes that long
_CLOCK_SKEW = 60.0  # seconds by which the clocks of two machines may differ

Renew = Callable[[], object]


@contextmanager
def write_lease(layout: Layout) -> Iterator[Renew]:
    """Hold a writer's lease. Yields ``renew``, to be called once per timestep."""
    path = _create(layout, {})
    try:
        yield lambda: disk.touch(path)
    finally:
        _remove(path)


@contextmanager
def read_lease(layout: Layout, digest: str) -> Iterator[Renew]:
    """Hold a reader's lease on an identity. Yields ``renew``, to be called once per timestep.

    On a store that cannot be written there is no lease: nobody can collect garbage there either.
    """
    try:
        path = _create(layout, {"reading": digest})
    except StoreError:
        yield lambda: None
        return
    try:
        yield lambda: _try_touch(path)
    finally:
        _remove(path)


def renewing(renew: Renew, progress: Progress) -> Progress:
    """Wrap a progress callback so that it also renews a lease."""

    def report(done: int, total: int) -> None:
        renew()
        progress(done, total)

    return report


def leased_identities(layout: Layout) -> set[str]:
    """Digests of the identities that have a reader's live lease."""
    digests = [body.get("reading") for body in _live_bodies(layout)]
    return {digest for digest in digests if isinstance(digest, str)}


def oldest_writer(layout: Layout) -> float | None:
    """When the oldest live writer started, in seconds since the epoch, less the clock skew. None if nobody writes."""
    started = [_started(body) for body in _live_bodies(layout) if "reading" not in body]
    return min(started) - _CLOCK_SKEW if started else None


def remove_expired(layout: Layout) -> int:
    """Remove expired leases and return how many were removed."""
    return sum(_remove(path) for path in _expired(layout))


def count_expired(layout: Layout) -> int:
    """How many leases have expired."""
    return len(_expired(layout))


def _expired(layout: Layout) -> list[Path]:
    return [path for path in _paths(layout) if not _is_live(path)]


def _paths(layout: Layout) -> list[Path]:
    return [layout.leases / name for name in disk.names(layout.leases)]


def _create(layout: Layout, body: dict[str, Any]) -> Path:
    path = layout.leases / uuid.uuid4().hex
    body |= {"host": os.uname().nodename, "pid": os.getpid(), "started": time.time()}
    disk.publish(path, json.dumps(body).encode(), tmp=layout.tmp, sync=False)
    return path


def _try_touch(path: Path) -> bool:
    try:
        return disk.touch(path)
    except StoreError:
        return False


def _remove(path: Path) -> bool:
    try:
        return disk.remove(path, sync=False)
    except StoreError:
        return False  # it will expire


def _is_live(path: Path) -> bool:
    renewed = disk.modified(path)
    if renewed is None or time.time() - renewed > EXPIRES_AFTER:
        return False
    body = _read(path)
    return not (body.get("host") == os.uname().nodename and _is_dead(body.get("pid")))


def _is_dead(pid: Any) -> bool:  # Any: a lease may hold anything
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, TypeError, OverflowError):
        return False
    return False


def _live_bodies(layout: Layout) -> list[dict[str, Any]]:
    return [_read(path) for path in _paths(layout) if _is_live(path)]


def _started(body: dict[str, Any]) -> float:
    started = body.get("started", 0.0)
    return started if isinstance(started, float) else 0.0


def _read(path: Path) -> dict[str, Any]:
    """The lease's fields. A damaged lease has none, and counts as a live writer's until it expires."""
    try:
        body = json.loads(disk.read(path) or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
