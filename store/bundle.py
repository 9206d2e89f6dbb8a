"""Bundles: one identity as one file, to carry to another machine.

A bundle is a safetensors file: an 8-byte length, a JSON header, then every blob as a U8 tensor named by its xxh3_128; the
manifest's text is in the header's ``__metadata__``. Whoever made the file is not trusted: its length bounds every other length, no
path is read from it, each blob is checked by both digests while it streams into the store, and Zarr metadata is built from our
own schema.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from . import disk
from .blobs import BlobStore, checked
from .errors import InvalidBundle, InvalidName, StoreCorruption, StoreError
from .keys import canonical_json
from .layout import Layout
from .manifest import Blob, Manifest
from .names import valid_name
from .progress import Progress, silent

FORMAT = "seal-bundle 1"
_HEADER_LIMIT = 2 * 2**20  # bytes; that of a 45 GB identity, and a bound on what parsing a hostile one takes
_PIECE = 2**20


@dataclass(frozen=True)
class Bundle:
    """What a checked header says: the manifest, its digest, the name it had, and where each blob's bytes start in the file."""

    manifest: Manifest
    digest: str
    name: str
    starts: dict[Blob, int]


def write_bundle(target: Path, layout: Layout, manifest: Manifest, name: str, progress: Progress = silent) -> None:
    """Stream an identity into ``target``, which appears whole or not at all. Raises StoreCorruption where a blob is damaged."""
    blobs = sorted(manifest.blobs, key=lambda blob: blob.xxh3_128)
    header = _header(manifest, name, blobs)
    total = sum(blob.size for blob in blobs)

    def pieces() -> Iterator[bytes | memoryview]:
        yield struct.pack("<Q", len(header)) + header
        done = 0
        for blob in blobs:
            yield BlobStore(layout).read(blob)
            done += blob.size
            progress(done, total)

    disk.publish_pieces(target, pieces, tmp=target.parent)


def _header(manifest: Manifest, name: str, blobs: list[Blob]) -> bytes:
    metadata = {"format": FORMAT, "name": name, "manifest": manifest.to_bytes().decode("ascii")}
    tensors: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for blob in blobs:
        tensors[blob.xxh3_128] = _tensor(start, blob.size)
        start += blob.size
    header = canonical_json(tensors)
    header += b" " * (-len(header) % 8)  # safetensors aligns the data
    if len(header) > _HEADER_LIMIT:
        raise InvalidBundle(f"identity {name!r} has {len(blobs)} blobs: too many for one bundle; push it instead")
    return header


def _tensor(start: int, size: int) -> dict[str, Any]:
    """A blob in the header, in safetensors' words."""
    return {"dtype": "U8", "shape": [size], "data_offsets": [start, start + size]}


def read_header(file: BinaryIO, source: Path) -> Bundle:
    """Check everything about a bundle but its blobs' bytes. Raises InvalidBundle."""
    try:
        return _checked(file)
    except (InvalidBundle, StoreCorruption, InvalidName, RecursionError, ValueError, TypeError, KeyError) as error:
        raise InvalidBundle(f"{source} is no bundle of an identity, or is damaged: {error}") from error


def _checked(file: BinaryIO) -> Bundle:
    size = file.seek(0, 2)
    file.seek(0)
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(_HEADER_LIMIT, size - 8):
        raise InvalidBundle(f"its header says {length} bytes; the file has {size}, a header at most {_HEADER_LIMIT}")
    tensors = json.loads(file.read(length))
    metadata = tensors.pop("__metadata__")
    if metadata["format"] != FORMAT:
        raise InvalidBundle(f"its format is {str(metadata['format'])[:40]!r}, this version reads {FORMAT!r}")
    text = metadata["manifest"].encode("ascii")
    digest = hashlib.sha256(text).hexdigest()
    manifest = Manifest.from_bytes(text, digest)
    if manifest.to_bytes() != text:
        raise InvalidBundle("its manifest is not in the one form that the store writes")
    starts = _starts(tensors, manifest, size - 8 - length)
    return Bundle(
        manifest, digest, valid_name(metadata["name"]), {blob: 8 + length + at for blob, at in starts.items()}
    )


def _starts(tensors: dict[str, Any], manifest: Manifest, available: int) -> dict[Blob, int]:
    """Where each blob starts in the data: they lie end to end, and are those of the manifest, no more and no fewer."""
    blobs = {blob.xxh3_128: blob for blob in manifest.blobs}
    if len(blobs) != len(manifest.blobs) or set(tensors) != set(blobs):
        raise InvalidBundle("its tensors are not the manifest's blobs")
    starts, end = {}, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"][0]):
        if tensor != _tensor(end, blobs[name].size):
            raise InvalidBundle(f"tensor {name} does not lie where it should")
        starts[blobs[name]] = end
        end += blobs[name].size
    if end != available:
        raise InvalidBundle(f"its blobs take {end} bytes, the file holds {available}")
    return starts


def read_blobs(file: BinaryIO, bundle: Bundle, layout: Layout, progress: Progress = silent) -> None:
    """Stream every blob into the store, checked by both digests before it gets its name. Raises InvalidBundle.

    The caller syncs the folders before it publishes the manifest.
    """
    blobs, done, total = BlobStore(layout), 0, sum(blob.size for blob in bundle.starts)
    for blob, start in sorted(bundle.starts.items(), key=lambda item: item[1]):
        blobs.add_stream(blob, lambda blob=blob, start=start: _pieces(file, blob, start))  # type: ignore[misc]
        done += blob.size
        progress(done, total)


def _pieces(file: BinaryIO, blob: Blob, start: int) -> Iterator[bytes]:
    """A blob's bytes; after the last one, InvalidBundle is raised unless both digests match."""
    file.seek(start)
    read = (file.read(min(_PIECE, blob.size - at)) for at in range(0, blob.size, _PIECE))
    return checked(read, blob, InvalidBundle(f"blob {blob.xxh3_128} in the bundle is damaged or cut"))


def open_bundle(source: Path) -> BinaryIO:
    """The file, for reading. Raises StoreError where it cannot be opened."""
    try:
        return open(source, "rb")
    except OSError as error:
        raise StoreError(f"{source} cannot be opened: {error.strerror}") from error
