"""Access to an object store (S3, GCS, Azure, a folder, memory), through obstore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import RemoteError, RemoteLoss, StoreFormatError
from ..format.layout import format_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl", "azure", "file", "memory", "http", "https")
_REQUEST_TIMEOUT = timedelta(seconds=30)
_RETRY_TIMEOUT = timedelta(seconds=120)  # for a request and its retries
_MAX_RETRIES = 6
_PIECE = 2**20  # bytes


def is_remote(location: object) -> bool:
    """Whether this is a URL such as ``s3://bucket/prefix``, and not a folder."""
    return isinstance(location, str) and location.partition("://")[0] in SCHEMES and "://" in location


class Remote:
    """The operations on an object store that a store of identities needs. Every method may raise RemoteError.

    Args:
        location: A URL, or an obstore store. With a URL, credentials come from where obstore and the cloud's own tools
            look for them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...). Paths are relative to the location.
    """

    def __init__(self, location: str | ObjectStore) -> None:
        self.name = location if isinstance(location, str) else repr(location)
        with self._typed_errors("opening"):
            self._store = _open(location) if isinstance(location, str) else location

    def __repr__(self) -> str:
        return f"Remote({self.name!r})"

    def check_format(self, *, create: bool) -> None:
        """Check the version of the store here. With ``create``, start one where there is none.

        Raises:
            StoreFormatError: The store has another version, or there is none and ``create`` is False.
        """
        found, ours = self.read("FORMAT"), format_line()
        if found is None and create:
            self.write("FORMAT", ours)
        elif found is None:
            raise StoreFormatError(f"there is no store at {self.name}: push an identity there first")
        elif found != ours:
            raise StoreFormatError(f"{self.name} has the layout {found[:40]!r}, this version reads {ours!r}: upgrade")

    def read(self, path: str) -> bytes | None:
        """Read a small object. Returns None where there is none."""
        import obstore

        with self._typed_errors(f"reading {path}"):
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def pieces(self, path: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces.

        Raises:
            RemoteLoss: There is no such object.
        """
        import obstore

        with self._typed_errors(f"reading {path}"):
            for piece in obstore.get(self._store, path).stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    def size(self, path: str) -> int | None:
        """An object's size in bytes, or None where there is none."""
        import obstore

        with self._typed_errors(f"looking at {path}"):
            try:
                return obstore.head(self._store, path)["size"]
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes, *, create: bool = False) -> bool:
        """Write an object. With ``create``, an existing object is kept and False is returned."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._typed_errors(f"writing {path}"):
            try:
                obstore.put(self._store, path, data, mode="create" if create else "overwrite")
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

    def remove(self, path: str) -> None:
        """Delete an object, if there is one."""
        import obstore

        with self._typed_errors(f"removing {path}"):
            try:
                obstore.delete(self._store, path)
            except FileNotFoundError:
                return

    def names(self, folder: str) -> list[str]:
        """Sorted paths of all objects under a folder, relative to the folder."""
        import obstore

        with self._typed_errors(f"listing {folder}"):
            batches = obstore.list(self._store, folder)
            return sorted(found["path"].removeprefix(f"{folder}/") for batch in batches for found in batch)

    @contextmanager
    def _typed_errors(self, doing: str) -> Iterator[None]:
        """Turn obstore's errors into the store's own, which say what failed and how to fix it."""
        try:
            from obstore.exceptions import BaseError
        except ImportError as error:
            raise RemoteError("stores in the cloud need obstore: pip install 'seal-sdk[remote]'") from error
        try:
            yield
        except FileNotFoundError as error:
            raise RemoteLoss(f"{self.name}: {doing}: there is no such object or bucket") from error
        except (BaseError, OSError, ValueError) as error:
            first = str(error).strip().partition("\n")[0][:300]
            raise RemoteError(
                f"{self.name}: {doing} failed ({type(error).__name__}: {first}); check address, credentials and "
                "network, then try again: what was moved already stays"
            ) from error


def _open(location: str) -> ObjectStore:
    from obstore.store import from_url

    if location.startswith(("memory:", "file:")):
        return from_url(location)
    options: dict[str, Any] = {
        "client_options": {"timeout": _REQUEST_TIMEOUT, "allow_http": True},
        "retry_config": {"max_retries": _MAX_RETRIES, "retry_timeout": _RETRY_TIMEOUT},
    }
    return from_url(location, **options)
