"""The result of a push or a pull."""

from __future__ import annotations

from dataclasses import dataclass

from ..remote.blobs import Moved


@dataclass(frozen=True)
class Transfer:
    """What a push or a pull did.

    Args:
        digest: The identity that both sides now have.
        moved_blobs: Blobs that were missing on the other side.
        moved_bytes: Bytes of these blobs.
        total_bytes: Bytes of all blobs of the identity.
    """

    digest: str
    moved_blobs: int
    moved_bytes: int
    total_bytes: int

    @staticmethod
    def of(digest: str, moved: Moved) -> Transfer:
        """The result for an identity whose blobs have been moved."""
        return Transfer(digest, moved.blobs, moved.nbytes, moved.total_bytes)
