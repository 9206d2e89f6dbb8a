"""The manifest: one identity, as an immutable JSON file named by its own SHA-256."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .errors import InvalidValue, StoreCorruption
from .keys import canonical_json, recipe_key
from .layout import is_hex

DIMENSIONS = ("timestep", "layer", "kv", "token", "channel")
VERSION = 1
_CHUNK_BYTES = 6_815_744  # 6.5 MiB: chunks of 2.6-6.5 MB were measured fastest to read and check
_DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_NAME_RULE = "a name is 1 to 64 of A-Z a-z 0-9 _ . - and starts with a letter, a digit or _"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ArraySpec:
    """One array of an identity: keys and values of some layers of equal resolution.

    ``shape`` is (timestep, layer, kv, token, channel); ``dtype`` numpy's name of what lies on disk (little endian),
    such as "float16"; ``logical_dtype`` what it means, such as "bfloat16" for "uint16" bits; ``layers`` names axis 1.
    ``layers_per_chunk`` is chosen by the store: one chunk holds that many layers of one timestep. Raises InvalidValue
    where these do not fit together.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    logical_dtype: str
    layers: tuple[str, ...]
    layers_per_chunk: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "layers", tuple(self.layers))
        problem = self._problem()
        if problem:
            raise InvalidValue(f"array {self.name!r}: {problem}")
        if self.layers_per_chunk == 0:
            object.__setattr__(
                self, "layers_per_chunk", _layers_per_chunk(len(self.layers), self.nbytes // math.prod(self.shape[:2]))
            )
        if self.layers_per_chunk < 1 or len(self.layers) % self.layers_per_chunk:
            raise InvalidValue(
                f"array {self.name!r}: {self.layers_per_chunk} layers per chunk do not divide {len(self.layers)}"
            )

    def _problem(self) -> str | None:
        if not isinstance(self.name, str) or not _FILE_NAME.fullmatch(self.name):
            return _NAME_RULE
        if len(self.shape) != 5 or not all(type(side) is int and side > 0 for side in self.shape):
            return f"shape {self.shape} is not five positive integers {DIMENSIONS}"
        if self.dtype not in _DTYPES:
            return f"dtype {self.dtype!r} is not one of {', '.join(_DTYPES)} (keep others as the bits of one of these)"
        if not isinstance(self.logical_dtype, str) or not self.logical_dtype:
            return f"logical_dtype {self.logical_dtype!r} is not a name"
        if not all(isinstance(layer, str) for layer in self.layers) or len(set(self.layers)) != len(self.layers):
            return "layers are not distinct names"
        if len(self.layers) != self.shape[1]:
            return f"{len(self.layers)} layers are named, the shape has {self.shape[1]}"
        return None

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.numpy_dtype.itemsize

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        return (1, self.layers_per_chunk, *self.shape[2:])

    @property
    def chunk_nbytes(self) -> int:
        return math.prod(self.chunk_shape) * self.numpy_dtype.itemsize

    def chunks(self, index: int) -> Iterator[tuple[str, slice]]:
        """The Zarr key and the layers of each chunk of the timestep at ``index``."""
        for block, start in enumerate(range(0, len(self.layers), self.layers_per_chunk)):
            yield f"{self.name}/c/{index}/{block}/0/0/0", slice(start, start + self.layers_per_chunk)


def _layers_per_chunk(layers: int, layer_nbytes: int) -> int:
    """The largest divisor of the number of layers whose chunk stays small: no chunk is padded."""
    return max(
        count
        for count in range(1, layers + 1)
        if layers % count == 0 and (count == 1 or count * layer_nbytes <= _CHUNK_BYTES)
    )


@dataclass(frozen=True)
class Blob:
    """Bytes by content: xxh3_128 names the file and finds accidents, sha256 guards what crosses a border."""

    xxh3_128: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not (is_hex(self.xxh3_128, 32) and is_hex(self.sha256, 64) and type(self.size) is int and self.size >= 0):
            raise InvalidValue(f"{self} is not a blob's description")


@dataclass(frozen=True)
class Manifest:
    """What one identity consists of. ``chunks`` maps Zarr keys to blobs and covers every array's whole grid."""

    recipe: Mapping[str, Any]
    attributes: Mapping[str, Any]
    timesteps: tuple[int, ...]
    arrays: tuple[ArraySpec, ...]
    chunks: Mapping[str, Blob]
    attachments: Mapping[str, Blob]

    def __post_init__(self) -> None:
        check_plan(self.arrays, self.timesteps, self.attachments)
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
        """Bytes of the arrays, attachments not counted."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def blobs(self) -> set[Blob]:
        return {*self.chunks.values(), *self.attachments.values()}

    def place(self, key: str) -> tuple[int, tuple[str, ...]]:
        """The timestep and the layers that the chunk of this key holds."""
        name, _, index, *_ = key.split("/")
        array = next(array for array in self.arrays if array.name == name)
        return self.timesteps[int(index)], array.layers[dict(array.chunks(int(index)))[key]]

    @cached_property
    def recipe_key(self) -> str:
        return recipe_key(self.recipe)

    def to_bytes(self) -> bytes:
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
        """Parse the manifest of this digest. Raises StoreCorruption where these are other bytes."""
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreCorruption(
                f"manifest {digest[:12]} is damaged: its SHA-256 does not match its name", identity=digest
            )
        try:
            fields = json.loads(data)
            if fields["version"] != VERSION:
                raise ValueError(f"version {fields['version']!r}, this version reads {VERSION}")
            return Manifest(
                recipe=fields["recipe"],
                attributes=fields["attributes"],
                timesteps=tuple(fields["timesteps"]),
                arrays=tuple(ArraySpec(**array) for array in fields["arrays"]),
                chunks=_blob_table(fields["chunks"]),
                attachments=_blob_table(fields["attachments"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreCorruption(f"manifest {digest[:12]} cannot be read: {error!r}", identity=digest) from error


def _blob_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Blob]:
    return {row["key"]: Blob(row["xxh3_128"], row["sha256"], row["size"]) for row in rows}


def check_plan(arrays: Sequence[ArraySpec], timesteps: Sequence[int], attachments: Iterable[str]) -> None:
    """Raise InvalidValue where these cannot make an identity."""
    whole = all(type(timestep) is int for timestep in timesteps)
    if not timesteps or not whole or len(set(timesteps)) != len(timesteps):
        raise InvalidValue(f"timesteps {list(timesteps)[:8]} are not one or more distinct integers")
    names = [array.name for array in arrays]
    if not names or len(set(names)) != len(names):
        raise InvalidValue(f"arrays {names} are not one or more arrays of distinct names")
    for array in arrays:
        if array.shape[0] != len(timesteps):
            raise InvalidValue(
                f"array {array.name!r} has shape {array.shape}, but {len(timesteps)} timesteps are given"
            )
    for name in attachments:
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
            raise InvalidValue(f"{name!r} cannot name an attachment: {_NAME_RULE}")
