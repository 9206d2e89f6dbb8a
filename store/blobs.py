"""Content-addressed, immutable files: equal bytes are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path

import numpy as np
import xxhash

from . import disk
from .errors import StoreCorruption, StoreError
from .layout import Layout, sharded
from .manifest import Blob


def fast_digest(data: bytes | memoryview) -> str:
    """xxh3_128 in hex: 32 digits."""
    return xxhash.xxh3_128_hexdigest(data)


def checked(pieces: Iterable[bytes], blob: Blob, wrong: StoreError) -> Iterator[bytes]:
    """The pieces of a blob, and after the last one the error ``wrong`` unless both digests match; never more than its bytes."""
    fast, strong, left = xxhash.xxh3_128(), hashlib.sha256(), blob.size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise wrong
        fast.update(piece)
        strong.update(piece)
        yield piece
    if (fast.hexdigest(), strong.hexdigest()) != (blob.xxh3_128, blob.sha256):
        raise wrong


class BlobStore:
    """The ``blobs/`` folder of one store."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def add(self, data: bytes | memoryview) -> Blob:
        """Store bytes, or freshen the equal ones stored already. The caller syncs :meth:`folders` before it publishes.

        Raises StoreCorruption where other bytes have the same xxh3_128; a damaged blob of that name is replaced.
        """
        data = memoryview(data).cast("B")
        digest = fast_digest(data)
        if not self._holds(digest, data):
            disk.publish(self._layout.blob(digest), data, tmp=self._layout.tmp, sync=False)
        return Blob(digest, hashlib.sha256(data).hexdigest(), len(data))

    def add_stream(self, blob: Blob, pieces: Callable[[], Iterable[bytes]]) -> None:
        """Store a described blob from ``pieces()``, which raises after the last one unless they are its bytes.

        An equal blob stored already is freshened, a damaged one replaced. Raises StoreCorruption on other bytes of that name.
        """
        path = self._layout.blob(blob.xxh3_128)
        fast, strong = self._digests(path)
        if fast == blob.xxh3_128:
            for _ in pieces():
                pass  # what is offered is checked all the same
            if strong != blob.sha256:
                raise StoreCorruption(f"blob {fast} and the bytes to store differ but have the same xxh3_128")
            if disk.touch(path):
                return
        elif fast is not None:
            self.quarantine(blob.xxh3_128)
        disk.publish_pieces(path, pieces, tmp=self._layout.tmp, sync=False)

    def _digests(self, path: Path) -> tuple[str | None, str | None]:
        """Both digests of a file's bytes, None where there is none."""
        size = disk.size(path)
        if size is None:
            return None, None
        fast, strong = xxhash.xxh3_128(), hashlib.sha256()

        def seen(piece: memoryview) -> None:
            fast.update(piece)
            strong.update(piece)

        disk.read_through(path, seen)
        return fast.hexdigest(), strong.hexdigest()

    def _holds(self, digest: str, data: memoryview) -> bool:
        path = self._layout.blob(digest)
        stored = disk.read(path)
        if stored is None:
            return False
        if np.array_equal(np.frombuffer(stored, np.uint8), np.frombuffer(data, np.uint8)):
            return disk.touch(path)  # gc spares what was used lately
        if fast_digest(stored) == digest:
            raise StoreCorruption(f"blob {digest} and the bytes to store differ but have the same xxh3_128")
        self.quarantine(digest)
        return False

    def sync(self, blobs: set[Blob]) -> None:
        """Make the names of these blobs durable."""
        folders = {self._layout.blob(blob.xxh3_128).parent for blob in blobs}
        disk.sync_directories([*sorted(folders), self._layout.blobs])

    def prepare(self, blobs: Iterable[Blob]) -> None:
        """Told which blobs are read next: nothing to do where they lie on this disk."""

    def source(self, blob: Blob) -> str:
        """Where the blob would be read from now: always "disk" here."""
        return "disk"

    def freshen(self, blobs: Iterable[Blob]) -> bool:
        """Keep gc from taking these blobs for old; False where one is missing."""
        return all([disk.touch(self._layout.blob(blob.xxh3_128)) for blob in blobs])

    def read_into(self, blob: Blob, buffer: memoryview) -> None:
        """Fill the buffer with the blob's bytes and check that very memory.

        Raises StoreCorruption where the file is missing, too short or long, or has other bytes; it is then quarantined.
        """
        problem = self._try_read(blob, buffer)
        if problem and disk.exists(self._layout.blob(blob.xxh3_128)):
            problem = self._try_read(blob, buffer)  # once more: it may have been replaced by a good one meanwhile
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
        """A blob's bytes, checked by both digests. Raises StoreCorruption."""
        buffer = bytearray(blob.size)
        self.read_into(blob, memoryview(buffer))
        if hashlib.sha256(buffer).hexdigest() != blob.sha256:
            raise StoreCorruption(f"blob {blob.xxh3_128} is not the one described: its SHA-256 does not match")
        return bytes(buffer)

    def present(self, blob: Blob) -> bool:
        """Whether a file of the blob's name and size is there; its bytes are not read."""
        return disk.size(self._layout.blob(blob.xxh3_128)) == blob.size

    def digests(self, *, besides: Container[str] = ()) -> list[str]:
        """xxh3_128 of every blob on disk, referenced or not, ``besides`` these."""
        return sharded(self._layout.blobs, 32, besides=besides)

    def quarantine(self, digest: str) -> bool:
        return disk.quarantine(self._layout.blob(digest), self._layout.quarantine)
