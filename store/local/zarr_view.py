"""An identity as a read-only Zarr v3 store, for zarr-python, xarray and every other Zarr tool.

Metadata is built from the manifest; chunks are blobs, which are read whole and checked. zarr-python reads a missing
chunk as zeros, so this store raises StoreCorruption for a chunk that the manifest lists and the disk lacks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from ..format.arrays import DIMENSIONS, ArraySpec
from ..format.layout import Layout
from ..format.manifest import Manifest
from .blobs import BlobStore
from .chunks import read_chunk


class IdentityView(Store):
    """One identity with the Zarr keys ``zarr.json``, ``<array>/zarr.json`` and ``<array>/c/...``."""

    supports_writes: bool = False
    supports_deletes: bool = False
    supports_listing: bool = True
    supports_consolidated_metadata: bool = False

    def __init__(
        self,
        layout: Layout,
        digest: str,
        manifest: Manifest,
        *,
        label: str | None = None,
        blobs: BlobStore | None = None,
    ) -> None:
        super().__init__(read_only=True)
        self._blobs = blobs or BlobStore(layout)
        self._layout = layout
        self._digest = digest
        self._manifest = manifest
        self._label = label or digest[:12]
        self._metadata = _metadata(digest, manifest)

    def __eq__(self, value: object) -> bool:
        return isinstance(value, IdentityView) and (self._layout, self._digest) == (value._layout, value._digest)

    def __hash__(self) -> int:
        return hash((self._layout, self._digest))

    def __str__(self) -> str:
        return f"seal://{self._layout.root}#{self._label}"

    def __repr__(self) -> str:
        return f"IdentityView('{self}')"

    def with_read_only(self, read_only: bool = False) -> IdentityView:
        """The same store. Raises ValueError unless ``read_only``: an identity never changes."""
        if not read_only:
            raise ValueError("an identity never changes: it can only be opened for reading")
        return IdentityView(self._layout, self._digest, self._manifest, label=self._label, blobs=self._blobs)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Read and check the value of a key, or the part in ``byte_range``. Returns None where there is no such key.

        Raises:
            StoreCorruption: The chunk is missing or damaged.
        """
        await self._ensure_open()
        value = await asyncio.to_thread(self._read, key)
        return None if value is None else prototype.buffer.from_array_like(value[_span(byte_range, len(value))])

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """:meth:`get` for several keys."""
        return list(await asyncio.gather(*(self.get(key, prototype, byte_range) for key, byte_range in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether the identity has this key."""
        return key in self._metadata or key in self._manifest.chunks

    async def getsize(self, key: str) -> int:
        """Bytes of a value. Raises FileNotFoundError where there is no such key."""
        if key in self._metadata:
            return len(self._metadata[key])
        if key in self._manifest.chunks:
            return self._manifest.chunks[key].size
        raise FileNotFoundError(key)

    async def set(self, key: str, value: Buffer) -> None:
        """Raise ValueError: the store is read-only."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Raise ValueError: the store is read-only."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        for key in (*self._metadata, *self._manifest.chunks):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that start with ``prefix``."""
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names of the keys and folders directly under ``prefix``."""
        prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        async for name in _unique(key[len(prefix) :].split("/")[0] async for key in self.list_prefix(prefix)):
            yield name

    def _read(self, key: str) -> np.ndarray | None:
        if key in self._metadata:
            return np.frombuffer(self._metadata[key], np.uint8)
        blob = self._manifest.chunks.get(key)
        if blob is None:
            return None
        value = np.empty(blob.size, np.uint8)
        read_chunk(self._blobs, self._manifest, key, value.data, label=self._label)
        return value


def _span(byte_range: ByteRequest | None, size: int) -> slice:
    """The part of a value of ``size`` bytes that Zarr asks for."""
    match byte_range:
        case None:
            return slice(None)
        case RangeByteRequest(start, end):
            return slice(start, end)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(max(0, size - suffix), None)
    raise TypeError(f"Unexpected byte_range, got {byte_range}.")


async def _unique(names: AsyncIterator[str]) -> AsyncIterator[str]:
    seen: set[str] = set()
    async for name in names:
        if name not in seen:
            seen.add(name)
            yield name


def _metadata(digest: str, manifest: Manifest) -> dict[str, bytes]:
    attributes = {
        "digest": digest,
        "timesteps": list(manifest.timesteps),
        "attributes": manifest.attributes,
        "recipe": manifest.recipe,
    }
    documents = {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": attributes}}
    documents |= {f"{array.name}/zarr.json": _array_metadata(array) for array in manifest.arrays}
    return {key: json.dumps(document).encode() for key, document in documents.items()}


def _array_metadata(array: ArraySpec) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": array.chunk_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0 if array.dtype.startswith("float") else 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": DIMENSIONS,
        "attributes": {"logical_dtype": array.logical_dtype, "layers": array.layers},
        "storage_transformers": [],
    }
