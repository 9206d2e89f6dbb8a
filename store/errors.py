"""The errors that the store raises. Each is also the built-in error that it refines.

::

    StoreError
    ├── StoreNotFound (FileNotFoundError)   no store in this folder
    ├── StoreFormatError                    the folder holds something else, or a store of a newer version
    ├── StoreCorruption                     bytes on disk are missing or wrong
    ├── StoreFull (OSError)                 the disk or the quota is full
    ├── OverBudget                          an identity does not fit into the store's budget
    ├── StoreReadOnly (PermissionError)     the store cannot be written
    ├── StoreIOError (OSError)              the disk failed in another way
    ├── RemoteError (OSError)               an object store failed, or cannot be reached
    │   └── RemoteLoss                      an object is missing or damaged
    ├── StoreLocked (TimeoutError)          another process holds a lock for too long
    ├── UnknownName (KeyError)              no identity has this name or digest
    ├── NameInUse (FileExistsError)         the name belongs to another identity
    ├── NamePinned                          the identity is pinned
    ├── InvalidBundle (ValueError)          the file is not a bundle, or is damaged
    ├── InvalidName (ValueError)            the name is not a file name on every system
    └── InvalidValue (ValueError)           the store cannot keep a recipe, array or attribute
"""

from __future__ import annotations

import errno


class StoreError(Exception):
    """Base class of the store's errors."""


class StoreNotFound(StoreError, FileNotFoundError):
    """There is no store in this folder."""


class StoreFormatError(StoreError):
    """The folder holds something other than a store, or a store of a newer version."""


class StoreCorruption(StoreError):
    """Bytes on disk are missing, or are not the bytes that were written.

    Args:
        message: What is wrong.
        identity: Name or digest of the identity that needs them, or None.
        timestep: Which timestep needs them, or None.
        layers: Which layers need them. May be empty.
    """

    def __init__(
        self, message: str, *, identity: str | None = None, timestep: int | None = None, layers: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.identity = identity
        self.timestep = timestep
        self.layers = layers


class StoreFull(StoreError, OSError):
    """The store's disk, or the quota on it, is full."""

    errno = errno.ENOSPC


class OverBudget(StoreError):
    """The identity does not fit into the budget that the store was opened with."""


class StoreReadOnly(StoreError, PermissionError):
    """The store cannot be written by this process."""

    errno = errno.EROFS


class StoreIOError(StoreError, OSError):
    """The disk or the file system failed."""

    errno = errno.EIO


class RemoteError(StoreError, OSError):
    """An object store failed, or cannot be reached."""


class RemoteLoss(RemoteError):
    """An object is missing, has other bytes than its digests say, or was cut on its way."""


class StoreLocked(StoreError, TimeoutError):
    """Another process holds a lock of the store for longer than ``lock_timeout``."""


class UnknownName(StoreError, KeyError):
    """No identity has this name or digest. The message lists the nearest names."""

    __str__ = Exception.__str__  # KeyError's would show the message's repr


class NameInUse(StoreError, FileExistsError):
    """The name already belongs to another identity."""


class NamePinned(StoreError):
    """The identity is pinned: unpin it before removing it."""


class InvalidBundle(StoreError, ValueError):
    """The file is not a bundle of an identity, or is damaged or manipulated."""


class InvalidName(StoreError, ValueError):
    """The name cannot be a file name on every operating system."""


class InvalidValue(StoreError, ValueError):
    """The store cannot keep a recipe, an array or an attribute exactly, or an argument is not valid."""
