"""Durable file operations with the store's own errors, on top of :mod:`store.local.files`.

A published file appears whole or not at all: unique temporary file, write, fdatasync, rename, fsync of the directory.
Unless stated otherwise, every function may raise StoreFull, StoreReadOnly or StoreIOError.
"""

from __future__ import annotations

import errno
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR

from ..errors import StoreError, StoreFull, StoreIOError, StoreReadOnly
from . import files

_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}
_ATTEMPTS = 2
_RETRIED = {
    errno.EIO,  # after a failed fsync the kernel may have dropped the bytes: write a new file
    errno.ENOENT,  # gc removed the temporary file because it took the writer for dead
}


@contextmanager
def typed_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into the store's own error, which says what failed, where, and how to fix it."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(
                f"no space left while {doing} {path}: free some space or run gc, then try again; "
                "what was stored before is intact"
            ) from error
        if error.errno in _READ_ONLY:
            raise StoreReadOnly(
                f"not allowed while {doing} {path} ({error.strerror}): make the folder writable or choose another store"
            ) from error
        raise StoreIOError(f"the disk failed while {doing} {path}: {error.strerror or error}") from error


def publish(path: Path, data: bytes | memoryview, *, tmp: Path, sync: bool = True) -> None:
    """Write a file atomically and durably. If that fails, an old file of this name stays intact.

    With ``sync=False`` the name is not yet durable: the caller publishes many files and then calls
    :func:`sync_directories` once. ``tmp`` is a folder on the same file system.
    """
    publish_pieces(path, lambda: (data,), tmp=tmp, sync=sync)


def publish_pieces(
    path: Path, pieces: Callable[[], Iterable[bytes | memoryview]], *, tmp: Path, sync: bool = True
) -> None:
    """Like :func:`publish`, in pieces. ``pieces()`` is called again if a write fails and is tried once more."""
    with typed_errors(path, "writing"):
        for attempt in range(1, _ATTEMPTS + 1):
            make_directories(tmp)
            make_directories(path.parent)
            try:
                _publish_once(path, pieces(), tmp)
                break
            except OSError as error:
                if attempt == _ATTEMPTS or error.errno not in _RETRIED:
                    raise
        if sync:
            files.sync_directory(path.parent)


def publish_cache(path: Path, data: bytes, *, tmp: Path) -> None:
    """Write a file atomically, but not durably: a power cut may damage it, or bring the old one back."""
    with typed_errors(path, "writing"):
        make_directories(tmp)
        make_directories(path.parent)
        _publish_once(path, (data,), tmp, durable=False)


def _publish_once(path: Path, pieces: Iterable[bytes | memoryview], tmp: Path, *, durable: bool = True) -> None:
    temporary = tmp / uuid.uuid4().hex
    try:
        _write(temporary, pieces, durable)
        files.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            files.unlink(temporary)
        raise


def _write(path: Path, pieces: Iterable[bytes | memoryview], durable: bool) -> None:
    descriptor = files.create(path)
    try:
        for data in pieces:
            piece, written = memoryview(data), 0
            while written < len(piece):
                written += files.write(descriptor, piece[written:])
        if durable:
            files.sync_data(descriptor)
    finally:
        files.close(descriptor)


def make_directories(path: Path) -> None:
    """Create a directory and its missing parents durably."""
    if exists(path):
        return
    with typed_errors(path, "creating"):
        make_directories(path.parent)
        with suppress(FileExistsError):
            files.make_directory(path)
        files.sync_directory(path.parent)


def sync_directories(paths: Iterable[Path]) -> None:
    """Make the names in these directories durable, in this order."""
    for path in paths:
        with typed_errors(path, "syncing"):
            files.sync_directory(path)


def read(path: Path) -> bytes | None:
    """Read a whole file. Returns None where there is none."""
    with typed_errors(path, "reading"):
        try:
            return files.read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None


def read_into(path: Path, buffer: memoryview, on_piece: Callable[[memoryview], object]) -> int:
    """Fill the buffer from a file's start and return how many bytes were read: 0 where there is no file."""
    with typed_errors(path, "reading"):
        try:
            return files.read_into(path, buffer, on_piece)
        except FileNotFoundError:
            return 0


def read_pieces(path: Path, on_piece: Callable[[memoryview], object]) -> None:
    """Call ``on_piece`` with each piece of a file in turn. Does nothing where there is no file."""
    with typed_errors(path, "reading"), suppress(FileNotFoundError):
        files.read_pieces(path, on_piece)


def size(path: Path) -> int | None:
    """A file's size in bytes, or None where there is none."""
    with typed_errors(path, "looking at"):
        try:
            return files.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None


def modified(path: Path) -> float | None:
    """A file's modification time in seconds since the epoch, or None where there is none."""
    nanoseconds = modified_ns(path)
    return None if nanoseconds is None else nanoseconds / 1e9


def modified_ns(path: Path) -> int | None:
    """A file's or a directory's modification time in ns since the epoch, or None where there is none."""
    with typed_errors(path, "looking at"):
        try:
            return files.stat(path).st_mtime_ns
        except FileNotFoundError:
            return None


def set_modified(path: Path, nanoseconds: int) -> None:
    """Set a file's modification time, in ns since the epoch."""
    with typed_errors(path, "marking"):
        files.set_modified(path, nanoseconds)


def exists(path: Path) -> bool:
    """Whether there is a file or a directory of this path."""
    return size(path) is not None


def is_file(path: Path) -> bool:
    """Whether there is something of this path that is not a directory."""
    with typed_errors(path, "looking at"):
        try:
            return not S_ISDIR(files.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False


def touch(path: Path) -> bool:
    """Set a file's modification time to now. Returns False where there is none."""
    with typed_errors(path, "freshening"):
        try:
            files.touch(path)
        except FileNotFoundError:
            return False
        return True


def remove(path: Path, *, sync: bool = True) -> bool:
    """Delete a file. Returns False where there was none."""
    with typed_errors(path, "removing"):
        try:
            files.unlink(path)
        except FileNotFoundError:
            return False
        if sync:
            files.sync_directory(path.parent)
        return True


def move(source: Path, target: Path) -> bool:
    """Move a file, and create the folder it moves to. Returns False where there was no file."""
    with typed_errors(source, "moving"):
        make_directories(target.parent)
        try:
            files.rename(source, target)
        except FileNotFoundError:
            return False
        return True


def names(path: Path, *, directories: bool = False) -> list[str]:
    """Sorted names of the files (or else of the folders) in a directory. Empty where there is no directory."""
    with typed_errors(path, "listing"):
        try:
            return sorted(name for name, is_directory in files.scan(path) if is_directory == directories)
        except (FileNotFoundError, NotADirectoryError):
            return []


def signatures(path: Path) -> list[tuple[str, list[int]]]:
    """Each file in a directory with [inode, size, modification time in ns], which change when it is replaced."""
    with typed_errors(path, "listing"):
        try:
            found = [(name, status) for name, status in files.scan_files(path)]
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [(name, [status.st_ino, status.st_size, status.st_mtime_ns]) for name, status in found]


def quarantine(path: Path, folder: Path) -> bool:
    """Move a damaged file aside for inspection. Returns False where it is gone or cannot be moved. Never raises."""
    try:
        return move(path, folder / f"{path.name}-{time.time_ns()}")
    except StoreError:
        return False
