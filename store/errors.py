"""Every error that the store raises on purpose.

::

    StoreError
    ├── StoreNotFound (FileNotFoundError)   no store in this folder
    ├── StoreFormatError                    the folder is no store, or one of a newer layout
    ├── StoreCorruption                     bytes on disk are missing or wrong
    ├── StoreFull (OSError)                 no space, or no quota, left on the disk
    ├── OverBudget                          the store's own budget leaves no room
    ├── StoreReadOnly (PermissionError)     this folder cannot be written
    ├── StoreIOError (OSError)              the disk failed in another way
    ├── RemoteError (OSError)               an object store failed, or cannot be reached
    │   └── RemoteLoss                      what should be there is missing or has other bytes
    ├── StoreLocked (TimeoutError)          another process held a lock for too long
    ├── UnknownName (KeyError)              no identity of this name or digest
    ├── NameInUse (FileExistsError)         the name belongs to another identity
    ├── NamePinned                          a pinned identity is never removed
    ├── InvalidBundle (ValueError)          a file that is no bundle of an identity, or a damaged one
    ├── InvalidName (ValueError)            a name that cannot be a file name everywhere
    └── InvalidValue (ValueError)           a recipe, array or attribute that the store cannot keep
"""

from __future__ import annotations

import errno


class StoreError(Exception):
    """Base of every error of the store."""


class StoreNotFound(StoreError, FileNotFoundError):
    """There is no store in this folder."""


class StoreFormatError(StoreError):
    """The folder holds something else than a store, or a store of a newer layout."""


class StoreCorruption(StoreError):
    """Bytes on disk are missing or are not the bytes that were written.

    ``identity`` is the name or digest concerned, ``timestep`` and ``layers`` say what part of it; each is None or empty
    where it does not apply.
    """

    def __init__(
        self, message: str, *, identity: str | None = None, timestep: int | None = None, layers: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.identity = identity
        self.timestep = timestep
        self.layers = layers


class StoreFull(StoreError, OSError):
    """No space, or no quota, is left on the store's disk."""

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
    """An object store failed, cannot be reached, or lacks what it should hold."""


class RemoteLoss(RemoteError):
    """An object that should be there is missing, is not what its digests say, or was cut on its way."""


class StoreLocked(StoreError, TimeoutError):
    """Another process held a lock of the store for longer than ``lock_timeout``."""


class UnknownName(StoreError, KeyError):
    """No identity has this name or digest; the message lists the nearest names."""

    __str__ = Exception.__str__  # KeyError would print the message's repr


class NameInUse(StoreError, FileExistsError):
    """The name belongs to another identity already."""


class NamePinned(StoreError):
    """The identity is pinned: unpin it before removing it."""


class InvalidBundle(StoreError, ValueError):
    """The file is no bundle of an identity, or one that was damaged or made to mislead."""


class InvalidName(StoreError, ValueError):
    """The name cannot serve as a file name on every system."""


class InvalidValue(StoreError, ValueError):
    """A recipe, an array or an attribute that the store cannot keep exactly."""
