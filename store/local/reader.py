"""Reading one identity into the caller's memory, with every byte checked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValue, StoreCorruption, StoreError
from ..format.arrays import ArraySpec
from ..format.blob import Blob
from ..format.layout import Layout
from ..format.manifest import Manifest
from ..format.names import unknown_name
from . import disk
from .blobs import BlobStore, Source
from .chunks import read_chunk
from .leases import Renew, read_lease

if TYPE_CHECKING:
    from .zarr_view import IdentityView


class StoredIdentity:
    """An identity in a store. Opening it reads only the manifest; each timestep is read when it is asked for."""

    def __init__(
        self,
        layout: Layout,
        digest: str,
        manifest: Manifest,
        name: str | None = None,
        blobs: BlobStore | None = None,
    ) -> None:
        self._layout = layout
        self._blobs = blobs or BlobStore(layout)
        self._manifest = manifest
        self._marked_used = False
        self.digest = digest
        self.name = name

    def __repr__(self) -> str:
        return f"StoredIdentity({self.label!r}, {len(self.timesteps)} timesteps, {self.nbytes} bytes)"

    @property
    def label(self) -> str:
        """The identity in messages: its name if it was opened by name, else the digest's first 12 digits."""
        return self.name or self.digest[:12]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The JSON fields from which the identity was computed."""
        return self._manifest.recipe

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The JSON fields that were stored with it."""
        return self._manifest.attributes

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """The specification of each array."""
        return self._manifest.arrays

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The timesteps, in the order in which they were stored."""
        return self._manifest.timesteps

    @property
    def attachments(self) -> tuple[str, ...]:
        """The names of the attached files."""
        return tuple(self._manifest.attachments)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays. Attachments do not count."""
        return self._manifest.nbytes

    @property
    def used(self) -> float | None:
        """When it was last written, or its arrays read, in seconds since the epoch: pruning goes by it. None once it is gone."""
        return disk.modified(self._layout.manifest(self.digest))

    def step(self, index: int, out: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Read the timestep at ``index``, and check it.

        Args:
            index: Position in :attr:`timesteps`.
            out: Arrays to fill instead of new ones, such as an earlier result. They have the names, shapes and dtypes
                of the result and are C-contiguous. Their contents are undefined after an error.

        Returns:
            Array name -> (layer, kv, token, channel), in the caller's own memory.

        Raises:
            IndexError: There is no such timestep.
            InvalidValue: ``out`` does not fit.
            StoreCorruption: A chunk is missing or damaged. Names the identity, the timestep and the layers.
        """
        index = range(len(self.timesteps))[index]
        self._mark_used()
        buffers = {array.name: _buffer(array, out) for array in self.arrays}
        self._blobs.prefetch(self._blobs_of_step(index))
        for array in self.arrays:
            for key, layers in array.chunks(index):
                view = buffers[array.name][layers].reshape(-1).view(np.uint8).data
                read_chunk(self._blobs, self._manifest, key, view, label=self.label)
        return buffers

    def source(self, index: int) -> Source:
        """Where the timestep at ``index`` would be read from now: "disk", or "remote" where some of it is not on disk."""
        index = range(len(self.timesteps))[index]
        return max(map(self._blobs.source, self._blobs_of_step(index)))

    def _blobs_of_step(self, index: int) -> list[Blob]:
        return [self._manifest.chunks[key] for array in self.arrays for key, _ in array.chunks(index)]

    def lease(self) -> AbstractContextManager[Renew]:
        """Protect the identity from garbage collection while it is read, even if its last name is removed.

        Yields ``renew``, to be called at least once an hour, such as once per timestep.
        """
        return read_lease(self._layout, self.digest)

    def _mark_used(self) -> None:
        """Touch the manifest where the store can be written. Pruning removes what was used least recently."""
        if not self._marked_used:
            with suppress(StoreError):
                disk.touch(self._layout.manifest(self.digest))
        self._marked_used = True

    def attachment(self, name: str) -> bytes:
        """Read an attached file, and check it.

        Raises:
            UnknownName: There is no such file.
            StoreCorruption: It is missing or damaged.
        """
        if name not in self._manifest.attachments:
            raise unknown_name(name, self.attachments, what=f"attachment of {self.label!r}")
        try:
            return self._blobs.read(self._manifest.attachments[name])
        except StoreCorruption as error:
            raise StoreCorruption(
                f"identity {self.label!r}, attachment {name!r}: {error}; register it again", identity=self.label
            ) from error

    def named(self, name: str) -> StoredIdentity:
        """The same identity as if it had been opened by this name."""
        return StoredIdentity(self._layout, self.digest, self._manifest, name, self._blobs)

    def complete(self) -> bool:
        """Whether every blob is there and has the right size. Bytes are not read."""
        return all(self._blobs.has(blob) for blob in self._manifest.blobs)

    def zarr(self) -> IdentityView:
        """A read-only Zarr v3 store: ``zarr.open_group(identity.zarr(), mode="r")``."""
        from .zarr_view import IdentityView  # here, because importing zarr takes long

        return IdentityView(self._layout, self.digest, self._manifest, label=self.label, blobs=self._blobs)


def _buffer(array: ArraySpec, out: Mapping[str, np.ndarray] | None) -> np.ndarray:
    """The array to fill: (layer, kv, token, channel), new or from ``out``."""
    if out is None:
        return np.empty(array.shape[1:], array.numpy_dtype)
    buffer = out.get(array.name)
    if buffer is None or buffer.shape != array.shape[1:] or buffer.dtype != array.numpy_dtype:
        found = None if buffer is None else f"{buffer.dtype} {buffer.shape}"
        raise InvalidValue(f"out[{array.name!r}] is {found}, needed is {array.dtype} {array.shape[1:]}")
    if not (buffer.flags.c_contiguous and buffer.flags.writeable):
        raise InvalidValue(f"out[{array.name!r}] is not a writable C-contiguous array")
    return buffer
