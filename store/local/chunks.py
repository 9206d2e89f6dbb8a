"""Reading the chunks of one identity, with errors that say which timestep and layers are concerned."""

from __future__ import annotations

from ..errors import StoreCorruption
from ..format.manifest import Manifest
from .blobs import BlobStore


def read_chunk(blobs: BlobStore, manifest: Manifest, key: str, buffer: memoryview, *, label: str) -> None:
    """Fill ``buffer`` with the chunk of this Zarr key, and check it.

    Raises:
        StoreCorruption: The chunk is missing or damaged. Names the identity (``label``), the timestep and the layers.
    """
    try:
        blobs.read_into(manifest.chunks[key], buffer)
    except StoreCorruption as error:
        timestep, layers = manifest.locate(key)
        raise StoreCorruption(
            f"identity {label!r}, timestep {timestep}, layers {', '.join(layers)}: {error}; register it again",
            identity=label,
            timestep=timestep,
            layers=layers,
        ) from error
