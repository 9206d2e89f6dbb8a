"""Manifests: one identity as an immutable JSON file that is named by its own SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ..errors import InvalidValue, StoreCorruption
from .arrays import ArraySpec, check_contents
from .blob import Blob
from .keys import canonical_json, recipe_key

VERSION = 1


@dataclass(frozen=True)
class IdentitySpec:
    """An identity before it is computed: everything but the values of its arrays.

    Args:
        recipe: JSON fields from which the identity was computed. Equal recipes give equal identities.
        arrays: The arrays. Their first axis is ``timesteps``.
        timesteps: Distinct integers, in the order in which they are computed.
        attributes: JSON fields to keep.
        attachments: Small files to keep, by name.

    Raises:
        InvalidValue: The values do not fit together, or JSON cannot keep them exactly.
    """

    recipe: Mapping[str, Any]
    arrays: Sequence[ArraySpec]
    timesteps: Sequence[int]
    attributes: Mapping[str, Any]
    attachments: Mapping[str, bytes]

    def __post_init__(self) -> None:
        check_contents(self.arrays, self.timesteps, self.attachments)
        canonical_json(self.attributes)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays. Attachments do not count."""
        return sum(array.nbytes for array in self.arrays)


@dataclass(frozen=True)
class Manifest:
    """The contents of one identity.

    ``chunks`` maps Zarr keys to blobs and covers every array completely. ``attachments`` maps file names to blobs.
    """

    recipe: Mapping[str, Any]
    attributes: Mapping[str, Any]
    timesteps: tuple[int, ...]
    arrays: tuple[ArraySpec, ...]
    chunks: Mapping[str, Blob]
    attachments: Mapping[str, Blob]

    def __post_init__(self) -> None:
        check_contents(self.arrays, self.timesteps, self.attachments)
        expected = {
            key: array.chunk_nbytes
            for array in self.arrays
            for index in range(len(self.timesteps))
            for key, _ in array.chunks(index)
        }
        if expected != {key: blob.size for key, blob in self.chunks.items()}:
            raise InvalidValue(f"{len(self.chunks)} chunks do not cover the {len(expected)} of the arrays exactly")

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays. Attachments do not count."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def blobs(self) -> set[Blob]:
        """Every blob of the identity."""
        return {*self.chunks.values(), *self.attachments.values()}

    def locate(self, key: str) -> tuple[int, tuple[str, ...]]:
        """The timestep and the layers of the chunk with this Zarr key."""
        name, _, index, *_ = key.split("/")
        array = next(array for array in self.arrays if array.name == name)
        return self.timesteps[int(index)], array.layers[dict(array.chunks(int(index)))[key]]

    @cached_property
    def recipe_key(self) -> str:
        """The key under which the identity answers its recipe."""
        return recipe_key(self.recipe)

    def to_bytes(self) -> bytes:
        """Serialize to the one form that a store holds."""
        return canonical_json(
            {
                "version": VERSION,
                "recipe": self.recipe,
                "attributes": self.attributes,
                "timesteps": self.timesteps,
                "arrays": [asdict(array) for array in self.arrays],
                "chunks": [{"key": key, **asdict(blob)} for key, blob in self.chunks.items()],
                "attachments": [{"key": key, **asdict(blob)} for key, blob in self.attachments.items()],
                "nbytes": self.nbytes,
            }
        )

    @staticmethod
    def from_bytes(data: bytes, digest: str) -> Manifest:
        """Parse the manifest with this SHA-256.

        Raises:
            StoreCorruption: ``data`` has another digest or cannot be read.
        """
        try:
            fields = _parse(data, digest)
            return Manifest(
                recipe=fields["recipe"],
                attributes=fields["attributes"],
                timesteps=tuple(fields["timesteps"]),
                arrays=tuple(ArraySpec(**array) for array in fields["arrays"]),
                chunks=_parse_blobs(fields["chunks"]),
                attachments=_parse_blobs(fields["attachments"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreCorruption(f"manifest {digest[:12]} cannot be read: {error!r}", identity=digest) from error


def parse_blob_digests(data: bytes, digest: str) -> frozenset[str]:
    """The xxh3_128 of each blob in the manifest with this SHA-256: all that garbage collection needs of it.

    Raises:
        StoreCorruption: ``data`` has another digest or cannot be read.
    """
    try:
        fields = _parse(data, digest)
        return frozenset(row["xxh3_128"] for row in fields["chunks"] + fields["attachments"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorruption(f"manifest {digest[:12]} cannot be read: {error!r}", identity=digest) from error


def _parse(data: bytes, digest: str) -> dict[str, Any]:
    if hashlib.sha256(data).hexdigest() != digest:
        raise StoreCorruption(
            f"manifest {digest[:12]} is damaged: its SHA-256 does not match its name", identity=digest
        )
    fields: dict[str, Any] = json.loads(data)
    if fields["version"] != VERSION:
        raise ValueError(f"version {fields['version']!r}, this version reads {VERSION}")
    return fields


def _parse_blobs(rows: Sequence[Mapping[str, Any]]) -> dict[str, Blob]:
    return {row["key"]: Blob(row["xxh3_128"], row["sha256"], row["size"]) for row in rows}
