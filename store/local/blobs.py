"""The blobs of one store. Equal bytes are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import xxhash

from ..errors import StoreCorruption
from ..format.blob import Blob, BlobDigests, fast_digest
from ..format.layout import Layout
from . import disk
from .root import list_digests

Source = Literal["disk", "remote"]


class BlobStore:
    """The ``blobs/`` folder of one store."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def add(self, data: bytes | memoryview) -> Blob:
        """Store bytes. If they are stored already, their file's modification time is set to now.

        The caller calls :meth:`sync` before it publishes a manifest. A damaged file of the same name is replaced.

        Raises:
            StoreCorruption: Other bytes have the same xxh3_128.
        """
        data = memoryview(data).cast("B")
        digest = fast_digest(data)
        if not self._touch_if_equal(digest, data):
            disk.publish(self._layout.blob(digest), data, tmp=self._layout.tmp, sync=False)
        return Blob(digest, hashlib.sha256(data).hexdigest(), len(data))

    def add_stream(self, blob: Blob, pieces: Callable[[], Iterable[bytes]]) -> None:
        """Store a blob from ``pieces()``, which must raise after the last piece unless the digests match.

        Like :meth:`add`, but takes little memory.

        Raises:
            StoreCorruption: Other bytes have the same xxh3_128.
        """
        path = self._layout.blob(blob.xxh3_128)
        stored = self._digests(path)
        if stored is not None and stored.xxh3_128 == blob.xxh3_128:
            for _ in pieces():
                pass  # the incoming bytes are checked even though they are not needed
            if stored.sha256 != blob.sha256:
                raise _collision(blob.xxh3_128)
            if disk.touch(path):
                return
        elif stored is not None:
            self.quarantine(blob.xxh3_128)
        disk.publish_pieces(path, pieces, tmp=self._layout.tmp, sync=False)

    def _digests(self, path: Path) -> BlobDigests | None:
        if not disk.exists(path):
            return None
        digests = BlobDigests()
        disk.read_pieces(path, digests.update)
        return digests

    def _touch_if_equal(self, digest: str, data: memoryview) -> bool:
        """Touch the stored file if it has these bytes, so that gc does not take it. Quarantine it if it is damaged."""
        path = self._layout.blob(digest)
        stored = disk.read(path)
        if stored is None:
            return False
        if np.array_equal(np.frombuffer(stored, np.uint8), np.frombuffer(data, np.uint8)):
            return disk.touch(path)
        if fast_digest(stored) == digest:
            raise _collision(digest)
        self.quarantine(digest)
        return False

    def sync(self, blobs: set[Blob]) -> None:
        """Make the names of these blobs durable."""
        folders = {self._layout.blob(blob.xxh3_128).parent for blob in blobs}
        disk.sync_directories([*sorted(folders), self._layout.blobs])

    def prefetch(self, blobs: Iterable[Blob]) -> None:
        """Announce which blobs will be read next. Does nothing here: they are on this disk."""

    def source(self, blob: Blob) -> Source:
        """Where the blob would be read from now. Always "disk" here."""
        return "disk"

    def touch(self, blobs: Iterable[Blob]) -> bool:
        """Set modification times to now, so that gc does not take these blobs. Returns False where one is missing."""
        return all([disk.touch(self._layout.blob(blob.xxh3_128)) for blob in blobs])

    def read_into(self, blob: Blob, buffer: memoryview) -> None:
        """Fill the buffer with the blob's bytes, and check the bytes in the buffer.

        Raises:
            StoreCorruption: The file is missing, or has another size or other bytes. It is then quarantined.
        """
        problem = self._try_read(blob, buffer)
        if problem and disk.exists(self._layout.blob(blob.xxh3_128)):
            problem = self._try_read(blob, buffer)  # once more, in case a writer has just replaced it
            if problem and self.quarantine(blob.xxh3_128):
                problem += " (quarantined)"
        if problem:
            raise StoreCorruption(f"blob {blob.xxh3_128} {problem}")

    def _try_read(self, blob: Blob, buffer: memoryview) -> str | None:
        path = self._layout.blob(blob.xxh3_128)
        size = disk.size(path)
        if size is None:
            return "is missing"
        hasher = xxhash.xxh3_128()
        if size != blob.size or disk.read_into(path, buffer, hasher.update) != blob.size:
            return f"has not its {blob.size} bytes"
        if hasher.hexdigest() != blob.xxh3_128:
            return "is damaged: its xxh3_128 does not match"
        return None

    def read(self, blob: Blob) -> bytes:
        """Read a blob and check both digests.

        Raises:
            StoreCorruption: As for :meth:`read_into`, or the SHA-256 does not match.
        """
        buffer = bytearray(blob.size)
        self.read_into(blob, memoryview(buffer))
        if hashlib.sha256(buffer).hexdigest() != blob.sha256:
            raise StoreCorruption(f"blob {blob.xxh3_128} is not the one described: its SHA-256 does not match")
        return bytes(buffer)

    def has(self, blob: Blob) -> bool:
        """Whether there is a file of the blob's name and size. Its bytes are not read."""
        return disk.size(self._layout.blob(blob.xxh3_128)) == blob.size

    def digests(self, *, excluding: Container[str] = ()) -> list[str]:
        """The xxh3_128 of every blob on disk, whether or not a manifest lists it."""
        return list_digests(self._layout.blobs, 32, excluding=excluding)

    def quarantine(self, digest: str) -> bool:
        """Move a damaged blob aside. Returns False where it is gone or cannot be moved."""
        return disk.quarantine(self._layout.blob(digest), self._layout.quarantine)


def _collision(digest: str) -> StoreCorruption:
    return StoreCorruption(f"blob {digest} and the bytes to store differ but have the same xxh3_128")
