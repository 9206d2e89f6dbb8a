"""Bundles: one identity as one file, to carry to another machine.

A bundle is a safetensors file: an 8-byte length, a JSON header, then every blob as a U8 tensor named by its xxh3_128.
The header's ``__metadata__`` holds the manifest. The file is not trusted: its own size bounds every length in it, no
path is read from it, and each blob is checked by both digests while it streams into the store.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InvalidBundle, InvalidName, StoreCorruption, StoreError
from ..format.blob import Blob, verified
from ..format.keys import canonical_json
from ..format.layout import Layout
from ..format.manifest import Manifest
from ..format.names import valid_name
from ..local import disk
from ..local.blobs import BlobStore
from ..progress import Progress, silent

FORMAT = "seal-bundle 1"
_HEADER_LIMIT = 2 * 2**20  # bytes: enough for an identity of 45 GB, and a bound on the cost of parsing a hostile header
_PIECE = 2**20  # bytes


@dataclass(frozen=True)
class Bundle:
    """A bundle's header, after it has been checked.

    Args:
        manifest: The identity.
        digest: SHA-256 of the manifest.
        name: The name that the identity had when it was exported.
        starts: Where each blob starts in the file, in bytes.
    """

    manifest: Manifest
    digest: str
    name: str
    starts: dict[Blob, int]


def write_bundle(target: Path, layout: Layout, manifest: Manifest, name: str, progress: Progress = silent) -> None:
    """Write an identity to ``target``, which appears whole or not at all.

    Raises:
        StoreCorruption: A blob is damaged.
        InvalidBundle: The identity has too many blobs for one bundle.
    """
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
    header += b" " * (-len(header) % 8)  # safetensors aligns the data to 8 bytes
    if len(header) > _HEADER_LIMIT:
        raise InvalidBundle(f"identity {name!r} has {len(blobs)} blobs: too many for one bundle; push it instead")
    return header


def _tensor(start: int, size: int) -> dict[str, Any]:
    """A blob's entry in a safetensors header."""
    return {"dtype": "U8", "shape": [size], "data_offsets": [start, start + size]}


def open_bundle(source: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        StoreError: It cannot be opened.
    """
    try:
        return open(source, "rb")
    except OSError as error:
        raise StoreError(f"{source} cannot be opened: {error.strerror}") from error


def read_header(file: BinaryIO, source: Path) -> Bundle:
    """Read a bundle's header, and check everything but the bytes of the blobs.

    Raises:
        InvalidBundle: The file is not a bundle, or is damaged. The message names ``source``.
    """
    try:
        return _parse_header(file)
    except (InvalidBundle, StoreCorruption, InvalidName, RecursionError, ValueError, TypeError, KeyError) as error:
        raise InvalidBundle(f"{source} is no bundle of an identity, or is damaged: {error}") from error


def _parse_header(file: BinaryIO) -> Bundle:
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
    """Where each blob starts in the data. Checks that exactly the manifest's blobs lie there, end to end."""
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


def read_blobs(file: BinaryIO, bundle: Bundle, blobs: BlobStore, progress: Progress = silent) -> None:
    """Copy every blob into ``blobs``. Both digests are checked before a blob gets its name.

    The caller syncs ``blobs`` before it publishes the manifest.

    Raises:
        InvalidBundle: A blob is damaged.
    """
    done, total = 0, sum(blob.size for blob in bundle.starts)
    for blob, start in sorted(bundle.starts.items(), key=lambda item: item[1]):
        blobs.add_stream(blob, partial(_pieces, file, blob, start))
        done += blob.size
        progress(done, total)


def _pieces(file: BinaryIO, blob: Blob, start: int) -> Iterator[bytes]:
    """Yield a blob's bytes. Raises InvalidBundle after the last piece unless both digests match."""
    file.seek(start)
    read = (file.read(min(_PIECE, blob.size - at)) for at in range(0, blob.size, _PIECE))
    return verified(read, blob, InvalidBundle(f"blob {blob.xxh3_128} in the bundle is damaged or cut"))
