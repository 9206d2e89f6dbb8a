"""An identity's K/V for the denoising loop: the nearest cached timestep, with the next one read while the model runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from seal_sdk.kv_cache.cache import Found, KeyValueCache, Placement, Ready
from store import StoreCorruption, StoredIdentity


@dataclass(frozen=True, eq=False)
class Lease:
    """An identity that is being drawn.

    renew: called at each sampling timestep, so that gc leaves the identity alone. repair: gives the identity, whole again, where the
    store lost some of it.
    """

    stored: StoredIdentity
    renew: Callable[[], object]
    repair: Callable[[StoreCorruption], StoredIdentity]


class KeyValueReader:
    """Serves one identity along a known sequence of sampling timesteps; beside the cache it holds one timestep and the next one's bytes.

    reads: cached timesteps by the tier that they were found in. waited: seconds the loop had to wait for the store.
    distances: per sampling timestep, how far the nearest cached one is.
    """

    def __init__(
        self,
        lease: Lease,
        timesteps: Sequence[float],
        placement: Placement,
        cache: KeyValueCache,
        executor: ThreadPoolExecutor,
    ) -> None:
        self._lease, self._placement, self._cache, self._executor = lease, placement, cache, executor
        self._stored = lease.stored
        cached = self._stored.timesteps
        self._nearest = {t: min(range(len(cached)), key=lambda i: abs(cached[i] - t)) for t in timesteps}
        self._order = [self._nearest[t] for t in timesteps]
        self.distances = [abs(cached[self._nearest[t]] - t) for t in timesteps]
        self.waited = 0.0
        self.reads: Counter[str] = Counter()
        self._current: tuple[int, Ready] | None = None
        self._coming: tuple[int, Future[Found]] | None = None
        if self._order:
            self._prefetch(self._order[0])

    def __call__(self, timestep: float) -> Ready:
        """Layer name -> (K, V) at the cached timestep nearest to a sampling timestep. Store errors surface here."""
        self._lease.renew()
        index = self._nearest[timestep]
        if self._current is None or self._current[0] != index:
            found = self._receive(index)
            self.reads[found.tier] += 1
            self._current = None  # its memory is free before the next needs some
            self._current = (index, self._cache.make_ready(found, self._stored, index, self._placement))
            following = self._after(timestep, index)
            if following is not None:
                self._prefetch(following)
        return self._current[1]

    def _find(self, index: int) -> Found:
        return self._cache.find(self._stored, index, self._placement)

    def _prefetch(self, index: int) -> None:
        self._coming = (index, self._executor.submit(self._find, index))

    def _receive(self, index: int) -> Found:
        started = time.perf_counter()
        try:
            if self._coming is not None and self._coming[0] == index:
                return self._coming[1].result()
            return self._find(index)
        except StoreCorruption as error:
            self._stored = self._lease.repair(error)  # here and not where it was read: the model runs in this thread
            return self._find(index)
        finally:
            self.waited += time.perf_counter() - started

    def _after(self, timestep: float, index: int) -> int | None:
        """The next cached timestep, other than ``index``, that sampling will need after ``timestep``."""
        position = list(self._nearest).index(timestep)
        return next((later for later in self._order[position + 1 :] if later != index), None)
