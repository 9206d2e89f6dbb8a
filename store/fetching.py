"""An identity that is read from an object store: each timestep is fetched when it is asked for, and then lies in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import numpy as np

from . import transfer
from .blobs import BlobStore
from .errors import RemoteLoss, StoreCorruption
from .layout import Layout
from .manifest import Blob, Manifest
from .progress import silent
from .reader import StoredIdentity
from .remote import Remote


class FetchingBlobs(BlobStore):
    """The blobs of a cache folder; one that it lacks, or holds damaged, comes from the object store.

    A blob that is damaged there too is removed there, so that whoever computes it anew can put it back; StoreCorruption says so.
    """

    def __init__(self, layout: Layout, remote: Remote) -> None:
        super().__init__(layout)
        self._remote = remote

    def prepare(self, blobs: Iterable[Blob]) -> None:
        with suppress(StoreCorruption):  # said when it is read, with its place in the identity
            self._fetch([blob for blob in blobs if not self.present(blob)])

    def source(self, blob: Blob) -> str:
        return "disk" if self.present(blob) else "remote"

    def are_there(self, blobs: Iterable[Blob]) -> bool:
        """Whether each blob is here or there."""
        return transfer.are_there(self._remote, [blob for blob in blobs if not self.present(blob)])

    def read_into(self, blob: Blob, buffer: memoryview) -> None:
        try:
            super().read_into(blob, buffer)
        except StoreCorruption:  # it is quarantined now, or was collected a moment ago
            self._fetch([blob])
            super().read_into(blob, buffer)

    def _fetch(self, blobs: list[Blob]) -> None:
        try:
            transfer.fetch(self._remote, self, blobs, silent)
        except RemoteLoss:
            for blob in blobs:
                self._fetch_surely(blob)

    def _fetch_surely(self, blob: Blob) -> None:
        """Once more and alone: only a blob that is wrong twice is given up."""
        try:
            transfer.fetch(self._remote, self, [blob], silent)
        except RemoteLoss as error:
            self._remote.remove(transfer.THERE.blob(blob.xxh3_128).as_posix())
            raise StoreCorruption(f"blob {blob.xxh3_128} is lost in {self._remote.name} too") from error


class FetchedIdentity(StoredIdentity):
    """A StoredIdentity of an object store. ``keep()`` is called once, when its last missing blob has come."""

    def __init__(
        self,
        layout: Layout,
        digest: str,
        manifest: Manifest,
        name: str | None,
        blobs: FetchingBlobs,
        keep: Callable[[], object],
    ) -> None:
        super().__init__(layout, digest, manifest, name, blobs)
        self._keep, self._kept = keep, False

    def step(self, index: int, out: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        found = super().step(index, out)
        if not self._kept and super().complete():
            self._kept = True
            self._keep()
        return found

    def complete(self) -> bool:
        """Whether every blob is here or there."""
        assert isinstance(self._blobs, FetchingBlobs)
        return self._blobs.are_there(self._manifest.blobs)

    def named(self, name: str) -> StoredIdentity:
        assert isinstance(self._blobs, FetchingBlobs)
        return FetchedIdentity(self._layout, self.digest, self._manifest, name, self._blobs, self._keep)
