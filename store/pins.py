"""Pins of processes at work: while a writer's is live, gc keeps everything that is not older than it; a reader's keeps an identity."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import disk
from .errors import StoreError
from .layout import Layout

STALE_AFTER = 3600.0  # seconds without a heartbeat: longer than any single timestep takes
_CLOCK_SKEW = 60.0  # seconds that the clocks of two machines may differ


@contextmanager
def writing(layout: Layout) -> Iterator[Callable[[], object]]:
    """Hold a writer's pin; yields the heartbeat to call once per timestep."""
    path = _hold(layout, {})
    try:
        yield lambda: disk.touch(path)
    finally:
        _discard(path)


@contextmanager
def reading(layout: Layout, digest: str) -> Iterator[Callable[[], object]]:
    """Hold a reader's pin on an identity, where the store can be written; yields the heartbeat to call once per timestep."""
    try:
        path = _hold(layout, {"reading": digest})
    except StoreError:
        yield lambda: None  # nobody can collect garbage in a store that cannot be written, or its disk is full
        return
    try:
        yield lambda: _freshen(path)
    finally:
        _discard(path)


def being_read(layout: Layout) -> set[str]:
    """Digests of the identities that live readers hold."""
    held = [body.get("reading") for body in _live_bodies(layout)]
    return {digest for digest in held if isinstance(digest, str)}


def oldest_live(layout: Layout) -> float | None:
    """When the oldest live writer started, less the clocks' skew (seconds since the epoch); None if nobody writes."""
    started = [_started(body) for body in _live_bodies(layout) if "reading" not in body]
    return min(started) - _CLOCK_SKEW if started else None


def discard_stale(layout: Layout) -> int:
    """Remove the pins of dead writers and return how many there were."""
    return sum(_discard(path) for path in _stale(layout))


def count_stale(layout: Layout) -> int:
    return len(_stale(layout))


def _stale(layout: Layout) -> list[Path]:
    return [path for path in _paths(layout) if not _is_live(path)]


def _paths(layout: Layout) -> list[Path]:
    return [layout.pins / name for name in disk.names(layout.pins)]


def _hold(layout: Layout, body: dict[str, Any]) -> Path:
    path = layout.pins / uuid.uuid4().hex
    body |= {"host": os.uname().nodename, "pid": os.getpid(), "started": time.time()}
    disk.publish(path, json.dumps(body).encode(), tmp=layout.tmp, sync=False)
    return path


def _freshen(path: Path) -> bool:
    try:
        return disk.touch(path)
    except StoreError:
        return False


def _discard(path: Path) -> bool:
    try:
        return disk.remove(path, sync=False)
    except StoreError:
        return False  # it goes stale by itself


def _is_live(path: Path) -> bool:
    heartbeat = disk.modified(path)
    if heartbeat is None or time.time() - heartbeat > STALE_AFTER:
        return False
    body = _read(path)
    return not (body.get("host") == os.uname().nodename and _is_dead(body.get("pid")))


def _is_dead(pid: Any) -> bool:
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
    """A pin's body; a damaged one says nothing, and counts as live until its heartbeat is too old."""
    try:
        body = json.loads(disk.read(path) or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
