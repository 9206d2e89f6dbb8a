"""An object store (S3, GCS, Azure, a folder, memory) that holds identities in the same layout as a folder, through obstore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .errors import RemoteError, RemoteLoss, StoreFormatError
from .layout import format_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl", "azure", "file", "memory", "http", "https")
_TIMEOUT = timedelta(seconds=30)  # of one request
_PATIENCE = timedelta(seconds=120)  # with a request and its repetitions
_PIECE = 2**20


def is_remote(location: object) -> bool:
    """Whether this is a URL such as ``s3://bucket/prefix``, and no folder."""
    return isinstance(location, str) and location.partition("://")[0] in SCHEMES and "://" in location


class Remote:
    """The few operations on an object store that identities need. Every method may raise RemoteError.

    location: a URL, credentials as obstore and the cloud's own tools read them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...), or an
    obstore store. Paths are relative to it.
    """

    def __init__(self, location: str | ObjectStore) -> None:
        self.name = location if isinstance(location, str) else repr(location)
        with self._typed("opening"):
            self._store = _open(location) if isinstance(location, str) else location

    def __repr__(self) -> str:
        return f"Remote({self.name!r})"

    def check_format(self, *, create: bool) -> None:
        """Raises StoreFormatError for a store of another layout, or where there is none unless it may be made."""
        found, ours = self.read("FORMAT"), format_line()
        if found is None and create:
            self.write("FORMAT", ours)
        elif found is None:
            raise StoreFormatError(f"there is no store at {self.name}: push an identity there first")
        elif found != ours:
            raise StoreFormatError(f"{self.name} has the layout {found[:40]!r}, this version reads {ours!r}: upgrade")

    def read(self, path: str) -> bytes | None:
        """A small object's bytes, None where there is none."""
        import obstore

        with self._typed(f"reading {path}"):
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def pieces(self, path: str) -> Iterator[bytes]:
        """An object's bytes, a piece at a time. A missing one raises RemoteLoss."""
        import obstore

        with self._typed(f"reading {path}"):
            for piece in obstore.get(self._store, path).stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    def size(self, path: str) -> int | None:
        import obstore

        with self._typed(f"looking at {path}"):
            try:
                return obstore.head(self._store, path)["size"]
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes, *, create: bool = False) -> bool:
        """Store an object. ``create``: only where there is none yet; False where there was one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._typed(f"writing {path}"):
            try:
                obstore.put(self._store, path, data, mode="create" if create else "overwrite")
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

    def remove(self, path: str) -> None:
        import obstore

        with self._typed(f"removing {path}"):
            try:
                obstore.delete(self._store, path)
            except FileNotFoundError:
                return

    def names(self, folder: str) -> list[str]:
        """Paths of all objects under a folder, relative to it, sorted."""
        import obstore

        with self._typed(f"listing {folder}"):
            batches = obstore.list(self._store, folder)
            return sorted(found["path"].removeprefix(f"{folder}/") for batch in batches for found in batch)

    @contextmanager
    def _typed(self, doing: str) -> Iterator[None]:
        """Turn obstore's errors into ours, which say what to do."""
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


def _open(location: str) -> Any:
    from obstore.store import from_url

    if location.startswith(("memory:", "file:")):
        return from_url(location)
    retry = {"max_retries": 6, "retry_timeout": _PATIENCE}
    options: Any = {"timeout": _TIMEOUT, "allow_http": True}
    return from_url(location, client_options=options, retry_config=retry)  # type: ignore[call-overload]
