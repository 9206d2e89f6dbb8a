"""Reading one identity: verified, into memory of the caller's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from . import disk, pins
from .blobs import BlobStore
from .errors import InvalidValue, StoreCorruption, StoreError
from .layout import Layout
from .manifest import ArraySpec, Blob, Manifest
from .names import unknown_name

if TYPE_CHECKING:
    from .zarr_view import IdentityView


class StoredIdentity:
    """An identity in the store. Opening it reads the manifest alone; each timestep is read when asked for."""

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
        self._used = False
        self.digest = digest
        self.name = name

    def __repr__(self) -> str:
        return f"StoredIdentity({self.label!r}, {len(self.timesteps)} timesteps, {self.nbytes} bytes)"

    @property
    def label(self) -> str:
        """What messages call it: its name where it was opened by name, else the digest's first 12 digits."""
        return self.name or self.digest[:12]

    @property
    def recipe(self) -> Mapping[str, Any]:
        return self._manifest.recipe

    @property
    def attributes(self) -> Mapping[str, Any]:
        return self._manifest.attributes

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        return self._manifest.arrays

    @property
    def timesteps(self) -> tuple[int, ...]:
        return self._manifest.timesteps

    @property
    def attachments(self) -> tuple[str, ...]:
        return tuple(self._manifest.attachments)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, attachments not counted."""
        return self._manifest.nbytes

    def step(self, index: int, out: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Read the timestep at ``index`` and check what was read.

        Returns array name -> (layer, kv, token, channel) in the caller's own memory. ``out``, of the same names,
        shapes and dtypes and C-contiguous (such as an earlier result), is filled and returned instead of new memory.
        Raises IndexError, InvalidValue (``out`` does not fit) or StoreCorruption, naming identity, timestep and
        layers: what lies in ``out`` is then of no use.
        """
        index = range(len(self.timesteps))[index]
        self._mark_used()
        buffers = {array.name: _buffer(array, out) for array in self.arrays}
        self._blobs.prepare(self._blobs_of(index))
        for array in self.arrays:
            for key, layers in array.chunks(index):
                view = buffers[array.name][layers].reshape(-1).view(np.uint8).data
                read_chunk(self._blobs, self._manifest, key, view, label=self.label)
        return buffers

    def source(self, index: int) -> str:
        """Where the timestep at ``index`` would be read from now: "disk", or "remote" where the disk lacks some of it."""
        index = range(len(self.timesteps))[index]
        return max(map(self._blobs.source, self._blobs_of(index)))

    def _blobs_of(self, index: int) -> list[Blob]:
        return [self._manifest.chunks[key] for array in self.arrays for key, _ in array.chunks(index)]

    def held(self) -> AbstractContextManager[Callable[[], object]]:
        """Keep gc away from this identity for a while, even once its last name is removed; yields a heartbeat to call now and then."""
        return pins.reading(self._layout, self.digest)

    def _mark_used(self) -> None:
        """What was read lately is pruned last: its manifest is freshened, where the store can be written."""
        if not self._used:
            with suppress(StoreError):
                disk.touch(self._layout.manifest(self.digest))
        self._used = True

    def attachment(self, name: str) -> bytes:
        """The bytes of an attached file, checked. Raises UnknownName or StoreCorruption."""
        if name not in self._manifest.attachments:
            raise unknown_name(name, self.attachments, what=f"attachment of {self.label!r}")
        try:
            return self._blobs.read(self._manifest.attachments[name])
        except StoreCorruption as error:
            raise StoreCorruption(
                f"identity {self.label!r}, attachment {name!r}: {error}; register it again", identity=self.label
            ) from error

    def named(self, name: str) -> StoredIdentity:
        """The same identity as if opened by this name."""
        return StoredIdentity(self._layout, self.digest, self._manifest, name, self._blobs)

    def complete(self) -> bool:
        """Whether every blob is there in its size; their bytes are not read."""
        return all(self._blobs.present(blob) for blob in self._manifest.blobs)

    def zarr(self) -> IdentityView:
        """A read-only Zarr v3 store: ``zarr.open_group(identity.zarr(), mode="r")``."""
        from .zarr_view import IdentityView

        return IdentityView(self._layout, self.digest, self._manifest, label=self.label, blobs=self._blobs)


def read_chunk(blobs: BlobStore, manifest: Manifest, key: str, view: memoryview, *, label: str) -> None:
    """Fill ``view`` with a chunk, checked. Raises StoreCorruption that names identity, timestep and layers."""
    try:
        blobs.read_into(manifest.chunks[key], view)
    except StoreCorruption as error:
        timestep, layers = manifest.place(key)
        raise StoreCorruption(
            f"identity {label!r}, timestep {timestep}, layers {', '.join(layers)}: {error}; register it again",
            identity=label,
            timestep=timestep,
            layers=layers,
        ) from error


def _buffer(array: ArraySpec, out: Mapping[str, np.ndarray] | None) -> np.ndarray:
    if out is None:
        return np.empty(array.shape[1:], array.numpy_dtype)
    buffer = out.get(array.name)
    if buffer is None or buffer.shape != array.shape[1:] or buffer.dtype != array.numpy_dtype:
        found = None if buffer is None else f"{buffer.dtype} {buffer.shape}"
        raise InvalidValue(f"out[{array.name!r}] is {found}, needed is {array.dtype} {array.shape[1:]}")
    if not (buffer.flags.c_contiguous and buffer.flags.writeable):
        raise InvalidValue(f"out[{array.name!r}] is not a writable C-contiguous array")
    return buffer
