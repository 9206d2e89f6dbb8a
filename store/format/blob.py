"""Blobs: immutable bytes that are addressed by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import xxhash

from ..errors import InvalidValue, StoreError
from .layout import is_hex


@dataclass(frozen=True)
class Blob:
    """The address of some bytes.

    ``xxh3_128`` names the file and detects accidental damage. ``sha256`` is checked where bytes come from outside.
    ``size`` is in bytes.
    """

    xxh3_128: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not (is_hex(self.xxh3_128, 32) and is_hex(self.sha256, 64) and type(self.size) is int and self.size >= 0):
            raise InvalidValue(f"{self} is not a blob's description")


class BlobDigests:
    """Computes both digests of bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._xxh3_128, self._sha256 = xxhash.xxh3_128(), hashlib.sha256()

    def update(self, piece: bytes | memoryview) -> None:
        """Add the next piece."""
        self._xxh3_128.update(piece)
        self._sha256.update(piece)

    @property
    def xxh3_128(self) -> str:
        """32 hex digits."""
        return self._xxh3_128.hexdigest()

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return self._sha256.hexdigest()


def fast_digest(data: bytes | memoryview) -> str:
    """Compute xxh3_128: 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(data)


def verified(pieces: Iterable[bytes], blob: Blob, error: StoreError) -> Iterator[bytes]:
    """Pass on the pieces of a blob, and raise ``error`` after the last one unless both digests match.

    Raises ``error`` at once where there are more bytes than the blob has.
    """
    digests, left = BlobDigests(), blob.size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise error
        digests.update(piece)
        yield piece
    if (digests.xxh3_128, digests.sha256) != (blob.xxh3_128, blob.sha256):
        raise error
