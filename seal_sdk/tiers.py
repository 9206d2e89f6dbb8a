"""Where K/V wait between two reads: ready on the accelerator, in the host's memory, then the store's disk or object store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from seal_sdk.backbone.capture import KeyValue
from seal_sdk.errors import ConfigError
from seal_sdk.recipe import to_key_values
from store import StoredIdentity

BUDGET = 2**30  # bytes of each tier

Step = TypeVar("Step")


class LeastRecentlyUsed(Generic[Step]):
    """What was used last is kept, up to ``budget`` bytes; one that alone is larger is not kept. Threads may share it."""

    def __init__(self, budget: int) -> None:
        self.budget, self.nbytes = budget, 0
        self._kept: OrderedDict[Hashable, tuple[Step, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Step | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, step: Step, nbytes: int) -> None:
        with self._lock:
            if nbytes > self.budget or key in self._kept:
                return
            self._kept[key] = (step, nbytes)
            self.nbytes += nbytes
            while self.nbytes > self.budget:
                self.nbytes -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.nbytes = 0


@dataclass(frozen=True, eq=False)
class Found:
    """One cached timestep and the tier that it was found in, "accelerator", "memory", "disk" or "remote": the store's
    arrays, or what was made of them before."""

    tier: str
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    ready: dict[str, KeyValue] | None = None


class Tiers:
    """Reads timesteps through the tiers, and keeps them in those that are above.

    memory: bytes of host memory; where the model runs there, K/V lie in it ready for use, else as the store has them (int8 stays
    int8), pinned for a CUDA device. accelerator: bytes of the accelerator's own memory. Each is least recently used first.
    """

    def __init__(self, memory: int | None = None, accelerator: int | None = None) -> None:
        self._memory = LeastRecentlyUsed[Mapping[str, np.ndarray]](_budget("memory_budget", memory))
        self._accelerator = LeastRecentlyUsed[dict[str, KeyValue]](_budget("accelerator_budget", accelerator))
        self._ready = LeastRecentlyUsed[dict[str, KeyValue]](self._memory.budget)  # where the host is the accelerator

    def find(self, stored: StoredIdentity, index: int, device: torch.device, dtype: torch.dtype) -> Found:
        """One cached timestep, wherever it is. Handles bytes alone, so that it may run beside the UNet: torch's kernels
        in another thread would take the UNet's cores."""
        ready = self._kept(device).get(_key(stored, index, device, dtype))
        if ready is not None:
            return Found("memory" if device.type == "cpu" else "accelerator", ready=ready)
        return self._arrays(stored, index, device)

    def make_ready(
        self, found: Found, stored: StoredIdentity, index: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, KeyValue]:
        """Layer name -> (K, V) of what was found, in the model's thread."""
        if found.ready is not None:
            return found.ready
        ready = to_key_values(found.arrays, stored.arrays, device, dtype)
        size = sum(tensor.nbytes for pair in ready.values() for tensor in pair)
        self._kept(device).put(_key(stored, index, device, dtype), ready, size)
        return ready

    def _kept(self, device: torch.device) -> LeastRecentlyUsed[dict[str, KeyValue]]:
        return self._ready if device.type == "cpu" else self._accelerator

    @property
    def nbytes(self) -> int:
        """Bytes kept, in all tiers together."""
        return sum(kept.nbytes for kept in (self._memory, self._accelerator, self._ready))

    def clear(self) -> None:
        for kept in (self._memory, self._accelerator, self._ready):
            kept.clear()

    def _arrays(self, stored: StoredIdentity, index: int, device: torch.device) -> Found:
        if device.type == "cpu":
            tier = stored.source(index)
            return Found(tier, stored.step(index))
        arrays = self._memory.get((stored.digest, index))
        if arrays is not None:
            return Found("memory", arrays)
        tier = stored.source(index)
        arrays = stored.step(index, out=_pinned(stored) if device.type == "cuda" else None)
        self._memory.put((stored.digest, index), arrays, sum(array.nbytes for array in arrays.values()))
        return Found(tier, arrays)


def _key(stored: StoredIdentity, index: int, device: torch.device, dtype: torch.dtype) -> tuple[Any, ...]:
    return stored.digest, index, str(device), dtype


def _pinned(stored: StoredIdentity) -> dict[str, np.ndarray]:
    """Page-locked memory for one timestep, which a CUDA device copies from without the driver's detour."""
    return {
        spec.name: torch.empty(spec.nbytes // spec.shape[0], dtype=torch.uint8, pin_memory=True)
        .numpy()
        .view(spec.numpy_dtype)
        .reshape(spec.shape[1:])
        for spec in stored.arrays
    }


def _budget(name: str, given: int | None) -> int:
    if given is None:
        return BUDGET
    if type(given) is not int or given < 0:
        raise ConfigError(f"{name}={given!r}: expected a number of bytes >= 0.")
    return given
