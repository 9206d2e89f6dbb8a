"""Array specifications: shape, dtype and chunks of an identity's arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidValue

DIMENSIONS = ("timestep", "layer", "kv", "token", "channel")
_CHUNK_BYTES = 6_815_744  # 6.5 MiB: in benchmarks, chunks of 2.6 to 6.5 MB were the fastest to read and check
_DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_NAME_RULE = "a name is 1 to 64 of A-Z a-z 0-9 _ . - and starts with a letter, a digit or _"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ArraySpec:
    """One array of an identity: keys and values of layers that have the same resolution.

    Args:
        name: The array's name in Zarr.
        shape: (timestep, layer, kv, token, channel).
        dtype: numpy's name of the type on disk (little endian), such as "float16".
        logical_dtype: The type that the bits stand for, such as "bfloat16" for "uint16" bits.
        layers: Names along axis 1.
        layers_per_chunk: Layers of one timestep in one chunk. 0 lets the store choose.

    Raises:
        InvalidValue: The values do not fit together.
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
        problem = self._array_problem() or self._layer_problem()
        if problem:
            raise InvalidValue(f"array {self.name!r}: {problem}")
        if self.layers_per_chunk == 0:
            chosen = _choose_layers_per_chunk(len(self.layers), self.nbytes // math.prod(self.shape[:2]))
            object.__setattr__(self, "layers_per_chunk", chosen)
        if self.layers_per_chunk < 1 or len(self.layers) % self.layers_per_chunk:
            raise InvalidValue(
                f"array {self.name!r}: {self.layers_per_chunk} layers per chunk do not divide {len(self.layers)}"
            )

    def _array_problem(self) -> str | None:
        if not is_file_name(self.name):
            return _NAME_RULE
        if len(self.shape) != 5 or not all(type(side) is int and side > 0 for side in self.shape):
            return f"shape {self.shape} is not five positive integers {DIMENSIONS}"
        if self.dtype not in _DTYPES:
            return f"dtype {self.dtype!r} is not one of {', '.join(_DTYPES)} (keep others as the bits of one of these)"
        if not isinstance(self.logical_dtype, str) or not self.logical_dtype:
            return f"logical_dtype {self.logical_dtype!r} is not a name"
        return None

    def _layer_problem(self) -> str | None:
        if not all(isinstance(layer, str) for layer in self.layers) or len(set(self.layers)) != len(self.layers):
            return "layers are not distinct names"
        if len(self.layers) != self.shape[1]:
            return f"{len(self.layers)} layers are named, the shape has {self.shape[1]}"
        return None

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The type on disk, little endian."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.numpy_dtype.itemsize

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """(1, layers_per_chunk, kv, token, channel)."""
        return (1, self.layers_per_chunk, *self.shape[2:])

    @property
    def chunk_nbytes(self) -> int:
        """Bytes of one chunk."""
        return math.prod(self.chunk_shape) * self.numpy_dtype.itemsize

    def chunks(self, index: int) -> Iterator[tuple[str, slice]]:
        """Yield the Zarr key and the layers of each chunk of the timestep at ``index``."""
        for block, start in enumerate(range(0, len(self.layers), self.layers_per_chunk)):
            yield f"{self.name}/c/{index}/{block}/0/0/0", slice(start, start + self.layers_per_chunk)


def _choose_layers_per_chunk(layers: int, layer_nbytes: int) -> int:
    """The largest divisor of the number of layers whose chunk stays small. A divisor leaves no chunk padded."""
    return max(
        count
        for count in range(1, layers + 1)
        if layers % count == 0 and (count == 1 or count * layer_nbytes <= _CHUNK_BYTES)
    )


def is_file_name(name: object) -> bool:
    """Whether this can name an array or an attachment."""
    return isinstance(name, str) and _FILE_NAME.fullmatch(name) is not None


def check_contents(arrays: Sequence[ArraySpec], timesteps: Sequence[int], attachments: Iterable[str]) -> None:
    """Check that arrays, timesteps and names of attachments can make one identity.

    Raises:
        InvalidValue: They cannot.
    """
    are_integers = all(type(timestep) is int for timestep in timesteps)
    if not timesteps or not are_integers or len(set(timesteps)) != len(timesteps):
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
        if not is_file_name(name):
            raise InvalidValue(f"{name!r} cannot name an attachment: {_NAME_RULE}")
