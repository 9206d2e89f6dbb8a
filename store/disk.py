"""Durable publication and typed errors, on top of :mod:`store.files`.

A file appears whole or not at all: unique temporary file, write, fdatasync, rename, fsync of the directory.
"""

from __future__ import annotations

import errno
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR

from . import files
from .errors import StoreError, StoreFull, StoreIOError, StoreReadOnly

_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}
_ATTEMPTS = 2
_WORTH_ANOTHER_FILE = {
    errno.EIO,  # after a failed fsync the kernel may drop the bytes: never sync that file again
    errno.ENOENT,  # gc took the temporary file of a writer that it thought dead
}


@contextmanager
def typed_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into the store's error that says what failed, where, and the way out."""
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
    """Make ``path`` hold ``data``, atomically and durably.

    ``sync=False`` leaves the directory's fsync to the caller, who publishes many files and then calls
    :func:`sync_directories` once. Raises StoreFull, StoreReadOnly or StoreIOError; the old file, if any, is then
    intact.
    """
    publish_pieces(path, lambda: (data,), tmp=tmp, sync=sync)


def publish_pieces(
    path: Path, pieces: Callable[[], Iterable[bytes | memoryview]], *, tmp: Path, sync: bool = True
) -> None:
    """:func:`publish` for what is too large for memory: ``pieces()`` yields it, again from the start if a write fails."""
    with typed_errors(path, "writing"):
        for attempt in range(1, _ATTEMPTS + 1):
            make_directories(tmp)
            make_directories(path.parent)
            try:
                _publish_once(path, pieces(), tmp)
                break
            except OSError as error:
                if attempt == _ATTEMPTS or error.errno not in _WORTH_ANOTHER_FILE:
                    raise
        if sync:
            files.sync_directory(path.parent)


def _publish_once(path: Path, pieces: Iterable[bytes | memoryview], tmp: Path) -> None:
    temporary = tmp / uuid.uuid4().hex
    try:
        _write_durably(temporary, pieces)
        files.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            files.unlink(temporary)
        raise


def _write_durably(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    descriptor = files.create(path)
    try:
        for data in pieces:
            piece, written = memoryview(data), 0
            while written < len(piece):
                written += files.write(descriptor, piece[written:])
        files.sync_data(descriptor)
    finally:
        files.close(descriptor)


def make_directories(path: Path) -> None:
    """Create a directory and its missing parents, each entry durable."""
    if exists(path):
        return
    with typed_errors(path, "creating"):
        make_directories(path.parent)
        with suppress(FileExistsError):
            files.make_directory(path)
        files.sync_directory(path.parent)


def sync_directories(paths: Iterable[Path]) -> None:
    """Make the names in these directories durable."""
    for path in paths:
        with typed_errors(path, "syncing"):
            files.sync_directory(path)


def read(path: Path) -> bytes | None:
    """The file's bytes, or None where there is no such file."""
    with typed_errors(path, "reading"):
        try:
            return files.read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None


def read_into(path: Path, buffer: memoryview, seen: Callable[[memoryview], object]) -> int:
    """Fill the buffer from the file's start, show ``seen`` each piece, return the bytes read: 0 without a file."""
    with typed_errors(path, "reading"):
        try:
            return files.read_into(path, buffer, seen)
        except FileNotFoundError:
            return 0


def read_through(path: Path, seen: Callable[[memoryview], object]) -> None:
    """Show ``seen`` each piece of the file in turn, in little memory; nothing without a file."""
    with typed_errors(path, "reading"), suppress(FileNotFoundError):
        files.read_through(path, seen)


def size(path: Path) -> int | None:
    """The file's size in bytes, or None where there is no such file."""
    with typed_errors(path, "looking at"):
        try:
            return files.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None


def modified(path: Path) -> float | None:
    """The file's modification time in seconds since the epoch, or None where there is no such file."""
    with typed_errors(path, "looking at"):
        try:
            return files.stat(path).st_mtime
        except FileNotFoundError:
            return None


def exists(path: Path) -> bool:
    return size(path) is not None


def is_file(path: Path) -> bool:
    """Whether something other than a directory has this path."""
    with typed_errors(path, "looking at"):
        try:
            return not S_ISDIR(files.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False


def touch(path: Path) -> bool:
    """Freshen the modification time; False where there is no such file."""
    with typed_errors(path, "freshening"):
        try:
            files.touch(path)
        except FileNotFoundError:
            return False
        return True


def remove(path: Path, *, sync: bool = True) -> bool:
    """Delete a file; False where there was none."""
    with typed_errors(path, "removing"):
        try:
            files.unlink(path)
        except FileNotFoundError:
            return False
        if sync:
            files.sync_directory(path.parent)
        return True


def move(source: Path, target: Path) -> bool:
    """Rename a file into another folder, which is created if need be; False where there was no such file."""
    with typed_errors(source, "moving"):
        make_directories(target.parent)
        try:
            files.rename(source, target)
        except FileNotFoundError:
            return False
        return True


def names(path: Path, *, directories: bool = False) -> list[str]:
    """Sorted names of the files (or of the folders) in a directory; none where there is no directory."""
    with typed_errors(path, "listing"):
        try:
            return sorted(name for name, is_directory in files.scan(path) if is_directory == directories)
        except (FileNotFoundError, NotADirectoryError):
            return []


def signatures(path: Path) -> list[tuple[str, list[int]]]:
    """Name of each file in a directory, with inode, size and time of change (ns): what tells whether it was replaced."""
    with typed_errors(path, "listing"):
        try:
            found = [(name, status) for name, status in files.scan_files(path)]
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [(name, [status.st_ino, status.st_size, status.st_mtime_ns]) for name, status in found]


def quarantine(path: Path, folder: Path) -> bool:
    """Set a damaged file aside for inspection; False where it is gone or the store cannot be written."""
    try:
        return move(path, folder / f"{path.name}-{time.time_ns()}")
    except StoreError:
        return False
