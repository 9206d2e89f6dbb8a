"""Reading an identity from an object store through a local folder, which serves as a read-through cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import numpy as np

from ..errors import RemoteLoss, StoreCorruption
from ..format.blob import Blob
from ..format.layout import Layout
from ..format.manifest import Manifest
from ..local.blobs import BlobStore, Source
from ..local.reader import StoredIdentity
from ..progress import silent
from .blobs import RemoteBlobs
from .object_store import Remote


class ReadThroughBlobs(BlobStore):
    """The blobs of a local folder. A blob that is missing or damaged there is fetched from the object store.

    A blob that is damaged in the object store as well is removed there, so that whoever computes it again can upload it.
    Reading it raises StoreCorruption.
    """

    def __init__(self, layout: Layout, remote: Remote) -> None:
        super().__init__(layout)
        self._remote_name = remote.name
        self._remote_blobs = RemoteBlobs(remote)

    def prefetch(self, blobs: Iterable[Blob]) -> None:
        """Fetch those of these blobs that are missing in the folder."""
        with suppress(StoreCorruption):  # reading the blob raises it again, and says where in the identity it is
            self._fetch([blob for blob in blobs if not self.has(blob)])

    def source(self, blob: Blob) -> Source:
        """Where the blob would be read from now."""
        return "disk" if self.has(blob) else "remote"

    def available(self, blobs: Iterable[Blob]) -> bool:
        """Whether each blob is in the folder or in the object store."""
        return self._remote_blobs.has_all([blob for blob in blobs if not self.has(blob)])

    def read_into(self, blob: Blob, buffer: memoryview) -> None:
        """Fill the buffer with the blob's bytes, and check them. Fetches the blob if the folder's is not usable.

        Raises:
            StoreCorruption: The blob is missing or damaged in the object store too.
        """
        try:
            super().read_into(blob, buffer)
        except StoreCorruption:  # quarantined by now, or collected a moment ago
            self._fetch([blob])
            super().read_into(blob, buffer)

    def _fetch(self, blobs: list[Blob]) -> None:
        try:
            self._remote_blobs.download(self, blobs, silent)
        except RemoteLoss:
            for blob in blobs:
                self._fetch_again(blob)

    def _fetch_again(self, blob: Blob) -> None:
        """Fetch one blob a second time. Only a blob that arrives damaged twice counts as lost."""
        try:
            self._remote_blobs.download(self, [blob], silent)
        except RemoteLoss as error:
            self._remote_blobs.remove(blob)
            raise StoreCorruption(f"blob {blob.xxh3_128} is lost in {self._remote_name} too") from error


class ReadThroughIdentity(StoredIdentity):
    """An identity in an object store, read through a local folder.

    ``on_complete()`` is called once, when its last missing blob has arrived in the folder.
    """

    _blobs: ReadThroughBlobs

    def __init__(
        self,
        layout: Layout,
        digest: str,
        manifest: Manifest,
        name: str | None,
        blobs: ReadThroughBlobs,
        on_complete: Callable[[], object],
    ) -> None:
        super().__init__(layout, digest, manifest, name, blobs)
        self._on_complete, self._completed = on_complete, False

    def step(self, index: int, out: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Read the timestep at ``index``, as :meth:`StoredIdentity.step` does, and fetch what is missing.

        Raises:
            RemoteError: The object store failed or cannot be reached.
        """
        arrays = super().step(index, out)
        if not self._completed and super().complete():
            self._completed = True
            self._on_complete()
        return arrays

    def complete(self) -> bool:
        """Whether every blob is in the folder or in the object store."""
        return self._blobs.available(self._manifest.blobs)

    def named(self, name: str) -> StoredIdentity:
        """The same identity as if it had been opened by this name."""
        return ReadThroughIdentity(self._layout, self.digest, self._manifest, name, self._blobs, self._on_complete)
