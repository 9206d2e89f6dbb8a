"""Locks between processes. They only save work: without them the same bytes are stored."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreIOError, StoreLocked
from . import disk

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def locked(path: Path, *, timeout: float, purpose: str) -> Iterator[None]:
    """Hold the lock file ``path``. ``purpose`` says in the error's message what another process is doing.

    Raises:
        StoreLocked: Another process holds it for more than ``timeout`` seconds.
        StoreIOError: The disk fails, or its file system has no locks.
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
        except (NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                raise
            raise StoreIOError(
                f"the file system of {path.parent.parent} has no locks ({error}): put the store on a local disk, mount the share with "
                "locks, or use an object store (s3://bucket/prefix)"
            ) from error
    try:
        yield
    finally:
        lock.release()
