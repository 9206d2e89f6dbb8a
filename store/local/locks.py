"""Locks between processes. They only save work: without them the same bytes are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreLocked
from . import disk


@contextmanager
def locked(path: Path, *, timeout: float, purpose: str) -> Iterator[None]:
    """Hold the lock file ``path``. ``purpose`` says in the error's message what another process is doing.

    Raises:
        StoreLocked: Another process holds it for more than ``timeout`` seconds.
    """
    from filelock import FileLock, Timeout

    disk.make_directories(path.parent)
    lock = FileLock(path, timeout=timeout)
    with disk.typed_errors(path, "locking"):
        try:
            lock.acquire()
        except Timeout as error:
            raise StoreLocked(
                f"another process has been {purpose} for more than {timeout:g} s ({path}): "
                "wait for it, or give the store a longer lock_timeout"
            ) from error
    try:
        yield
    finally:
        lock.release()
