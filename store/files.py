"""The few file operations that the store performs, one function each.

Every byte that the store reads or writes passes here, and callers reach these functions through the module
(``files.write(...)``), so that a single place decides what touches the disk. They raise plain ``OSError``;
:mod:`store.disk` turns that into the store's own errors. (Lock files belong to ``filelock``.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_PIECE = 262_144  # bytes read before they are hashed: 1.3 times as fast as reading and hashing whole chunks
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def create(path: Path) -> int:
    """Open a new file for writing and return its descriptor; an existing file is an error."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)


def write(descriptor: int, data: memoryview) -> int:
    """Write some of ``data`` and return how many bytes went out: fewer than asked is no error."""
    return os.write(descriptor, data)


def sync_data(descriptor: int) -> None:
    """Return once the file's bytes are on stable storage."""
    _sync_data(descriptor)


def close(descriptor: int) -> None:
    os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Atomically give ``source`` the name ``target``, replacing a file of that name."""
    os.replace(source, target)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory are on stable storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    os.mkdir(path)


def unlink(path: Path) -> None:
    os.unlink(path)


def touch(path: Path) -> None:
    """Set the modification time to now."""
    os.utime(path)


def stat(path: Path) -> os.stat_result:
    return os.stat(path)


def scan(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield ``(name, is_directory)`` of each entry of a directory."""
    with os.scandir(path) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def scan_files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the name and the status of each file of a directory."""
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry.name, entry.stat()


def read(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def read_into(path: Path, buffer: memoryview, seen: Callable[[memoryview], object]) -> int:
    """Fill ``buffer`` from the start of the file and return the bytes read; fewer only where the file ends.

    ``seen`` is called with each piece of the buffer as soon as it is filled, so that hashing finds it in the CPU's
    cache.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        done = 0
        while done < len(buffer):
            piece = buffer[done : done + _PIECE]
            count = os.preadv(descriptor, [piece], done)
            if count == 0:
                break
            seen(piece[:count])
            done += count
        return done
    finally:
        os.close(descriptor)


def read_through(path: Path, seen: Callable[[memoryview], object]) -> None:
    """Show ``seen`` each piece of a file, however long it is, in one small buffer."""
    buffer = memoryview(bytearray(_PIECE))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            seen(buffer[:count])
