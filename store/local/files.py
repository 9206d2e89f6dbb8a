"""The file operations that the store performs, one function each.

Every byte that the store reads or writes passes through this module. Callers use ``files.write(...)`` and never import
the functions themselves, so that tests can replace one and make the disk fail. The functions raise ``OSError``;
:mod:`store.local.disk` turns it into the store's own errors. Only lock files are left to ``filelock``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_PIECE = 262_144  # bytes; reading and hashing in pieces is 1.3 times as fast as in whole chunks
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def create(path: Path) -> int:
    """Create a file and return its descriptor, open for writing. Raises FileExistsError where there is one."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)


def write(descriptor: int, data: memoryview) -> int:
    """Write ``data`` and return how many bytes were written, which may be fewer than there are."""
    return os.write(descriptor, data)


def sync_data(descriptor: int) -> None:
    """Flush a file's bytes to stable storage."""
    _sync_data(descriptor)


def close(descriptor: int) -> None:
    """Close a file."""
    os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename a file atomically. A file called ``target`` is replaced."""
    os.replace(source, target)


def sync_directory(path: Path) -> None:
    """Flush the names in a directory to stable storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory whose parent exists."""
    os.mkdir(path)


def unlink(path: Path) -> None:
    """Delete a file."""
    os.unlink(path)


def touch(path: Path) -> None:
    """Set the modification time to now."""
    os.utime(path)


def set_modified(path: Path, nanoseconds: int) -> None:
    """Set the modification time, in ns since the epoch."""
    os.utime(path, ns=(nanoseconds, nanoseconds))


def stat(path: Path) -> os.stat_result:
    """Size, times and mode of a file or directory."""
    return os.stat(path)


def scan(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield ``(name, is_directory)`` for each entry of a directory."""
    with os.scandir(path) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def scan_files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the name and the status of each file in a directory."""
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry.name, entry.stat()


def read(path: Path) -> bytes:
    """Read a whole file."""
    with open(path, "rb", buffering=0) as file:  # most files are small, and a buffer takes as long as they do
        return file.read()


def read_into(path: Path, buffer: memoryview, on_piece: Callable[[memoryview], object]) -> int:
    """Fill ``buffer`` from the start of a file, and return how many bytes were read.

    Fewer bytes than the buffer holds are read only where the file ends. ``on_piece`` is called with each piece of the
    buffer as soon as it is filled, while it still lies in the CPU's cache for hashing.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        done = 0
        while done < len(buffer):
            piece = buffer[done : done + _PIECE]
            count = os.preadv(descriptor, [piece], done)
            if count == 0:
                break
            on_piece(piece[:count])
            done += count
        return done
    finally:
        os.close(descriptor)


def read_pieces(path: Path, on_piece: Callable[[memoryview], object]) -> None:
    """Call ``on_piece`` with each piece of a file in turn. Takes little memory, however long the file is."""
    buffer = memoryview(bytearray(_PIECE))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            on_piece(buffer[:count])
