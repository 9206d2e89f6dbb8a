"""Where K/V wait between two reads: ready on the accelerator, in the host's memory, then the store's disk or object store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from cachetools import LRUCache
from numpy.typing import NDArray

from seal_sdk.backbone.base import KeyValue
from seal_sdk.errors import ConfigError
from seal_sdk.kv_cache.encoding import Arrays, to_key_values
from store import StoredIdentity

DEFAULT_BUDGET = 2**30  # bytes of each tier

Ready = Mapping[str, KeyValue]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Placement:
    """Where the model wants K and V, and in which dtype."""

    device: torch.device
    dtype: torch.dtype

    @property
    def on_host(self) -> bool:
        """Whether the model computes in the host's memory."""
        return self.device.type == "cpu"


class BoundedCache(Generic[Value]):
    """cachetools' LRU cache, with a lock around it; a value that alone is larger than the budget is not kept."""

    def __init__(self, budget: int, size: Callable[[Value], int]) -> None:
        self.budget = budget
        self._size = size
        self._cache: LRUCache[Hashable, Value] = LRUCache(budget, getsizeof=size)
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return int(self._cache.currsize)

    def get(self, key: Hashable) -> Value | None:
        """The value, which now counts as used last, or None."""
        with self._lock:
            return self._cache.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and drop those that were not used for longest."""
        with self._lock:
            if self._size(value) <= self.budget:
                self._cache[key] = value

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value, made and kept where it is not known yet."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._cache.clear()


@dataclass(frozen=True, eq=False)
class Found:
    """One cached timestep and the tier it was found in, "accelerator", "memory", "disk" or "remote".

    It is either the store's ``arrays``, or what was made of them before, ``ready``.
    """

    tier: str
    arrays: Arrays = field(default_factory=dict)
    ready: Ready | None = None


class KeyValueCache:
    """Reads timesteps through the tiers, and keeps them in those that are above.

    memory: bytes of host memory; where the model runs there, K/V lie in it ready for use, else as the store has them (int8 stays
    int8), pinned for a CUDA device. accelerator: bytes of the accelerator's own memory. default: what None stands for. Both drop what was
    not used for longest. Threads may share it. Raises ConfigError for a budget that is no number of bytes.
    """

    def __init__(
        self, memory: int | None = None, accelerator: int | None = None, default: int = DEFAULT_BUDGET
    ) -> None:
        budget = _budget("memory_budget", memory, default)
        self._arrays = BoundedCache[Arrays](budget, _arrays_size)
        self._ready_on_host = BoundedCache[Ready](budget, _ready_size)
        self._ready_on_accelerator = BoundedCache[Ready](
            _budget("accelerator_budget", accelerator, default), _ready_size
        )

    def find(self, stored: StoredIdentity, index: int, placement: Placement) -> Found:
        """One cached timestep, wherever it is.

        It handles bytes alone, so that it may run beside the model: torch's kernels in another thread would take the model's cores.
        """
        ready = self._ready(placement).get(_key(stored, index, placement))
        if ready is not None:
            return Found("memory" if placement.on_host else "accelerator", ready=ready)
        return self._read(stored, index, placement)

    def make_ready(self, found: Found, stored: StoredIdentity, index: int, placement: Placement) -> Ready:
        """Layer name -> (K, V) of what was found; runs in the model's thread."""
        if found.ready is not None:
            return found.ready
        ready = to_key_values(found.arrays, stored.arrays, placement.device, placement.dtype)
        self._ready(placement).put(_key(stored, index, placement), ready)
        return ready

    @property
    def bytes_by_tier(self) -> dict[str, int]:
        """Bytes kept in the "accelerator"'s memory and in the host's "memory"."""
        return {
            "accelerator": self._ready_on_accelerator.nbytes,
            "memory": self._arrays.nbytes + self._ready_on_host.nbytes,
        }

    @property
    def nbytes(self) -> int:
        """Bytes kept, in all tiers together."""
        return sum(self.bytes_by_tier.values())

    def clear(self) -> None:
        """Drop everything."""
        for each in (self._arrays, self._ready_on_host, self._ready_on_accelerator):
            each.clear()

    def _ready(self, placement: Placement) -> BoundedCache[Ready]:
        return self._ready_on_host if placement.on_host else self._ready_on_accelerator

    def _read(self, stored: StoredIdentity, index: int, placement: Placement) -> Found:
        if placement.on_host:
            tier = stored.source(index)
            return Found(tier, stored.step(index))
        kept = self._arrays.get((stored.digest, index))
        if kept is not None:
            return Found("memory", kept)
        tier = stored.source(index)
        arrays = stored.step(index, out=_pinned(stored) if placement.device.type == "cuda" else None)
        self._arrays.put((stored.digest, index), arrays)
        return Found(tier, arrays)


def _key(stored: StoredIdentity, index: int, placement: Placement) -> Hashable:
    return stored.digest, index, str(placement.device), placement.dtype


def _arrays_size(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())


def _ready_size(ready: Ready) -> int:
    return sum(tensor.nbytes for pair in ready.values() for tensor in pair)


def _pinned(stored: StoredIdentity) -> dict[str, NDArray[Any]]:
    """Page-locked memory for one timestep, which a CUDA device copies from without the driver's detour."""
    return {
        spec.name: np.asarray(torch.empty(spec.nbytes // spec.shape[0], dtype=torch.uint8, pin_memory=True))
        .view(spec.numpy_dtype)
        .reshape(spec.shape[1:])
        for spec in stored.arrays
    }


def _budget(name: str, given: int | None, default: int) -> int:
    if given is None:
        return default
    if type(given) is not int or given < 0:
        raise ConfigError(f"{name}={given!r}: expected a number of bytes >= 0.")
    return given
