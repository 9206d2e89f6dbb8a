"""An identity's K/V for the denoising loop: the nearest cached timestep, the next one read while the UNet runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from seal_sdk.backbone.capture import KeyValue
from seal_sdk.tiers import Found, Tiers
from store import StoreCorruption, StoredIdentity


class KeyValueReader:
    """Serves one identity along a known sequence of sampling timesteps, holding two cached timesteps beside the tiers.

    restore(error) gives the identity, whole again, where the store lost some of it. beat() is called at each sampling timestep.
    reads: cached timesteps by the tier that they were found in.
    waited: seconds the loop had to wait for the store. distances: per sampling timestep, how far the nearest cached one is.
    """

    def __init__(
        self,
        stored: StoredIdentity,
        sampling: Sequence[float],
        device: torch.device,
        dtype: torch.dtype,
        executor: ThreadPoolExecutor,
        tiers: Tiers,
        restore: Callable[[StoreCorruption], StoredIdentity],
        beat: Callable[[], object],
    ) -> None:
        self._stored, self._device, self._dtype, self._executor = stored, device, dtype, executor
        self._tiers, self._restore, self._beat = tiers, restore, beat
        self._nearest = {
            t: min(range(len(stored.timesteps)), key=lambda i: abs(stored.timesteps[i] - t)) for t in sampling
        }
        self._order = [self._nearest[t] for t in sampling]
        self.distances = [abs(stored.timesteps[self._nearest[t]] - t) for t in sampling]
        self.waited = 0.0
        self.reads: Counter[str] = Counter()
        self._held: tuple[int, dict[str, KeyValue]] | None = None
        self._coming: tuple[int, Future[Found]] | None = None
        if self._order:
            self._prefetch(self._order[0])

    def __call__(self, timestep: float) -> dict[str, KeyValue]:
        """Layer name -> (K, V) at the cached timestep nearest to a sampling timestep. Store errors surface here."""
        self._beat()
        index = self._nearest[timestep]
        if self._held is None or self._held[0] != index:
            found = self._receive(index)
            self.reads[found.tier] += 1
            self._held = (index, self._tiers.make_ready(found, self._stored, index, self._device, self._dtype))
            following = self._after(timestep, index)
            if following is not None:
                self._prefetch(following)
        return self._held[1]

    def _find(self, index: int) -> Found:
        return self._tiers.find(self._stored, index, self._device, self._dtype)

    def _prefetch(self, index: int) -> None:
        self._coming = (index, self._executor.submit(self._find, index))

    def _receive(self, index: int) -> Found:
        started = time.perf_counter()
        try:
            if self._coming is not None and self._coming[0] == index:
                return self._coming[1].result()
            return self._find(index)
        except StoreCorruption as error:
            self._stored = self._restore(error)  # here and not where it was read: the model runs in this thread
            return self._find(index)
        finally:
            self.waited += time.perf_counter() - started

    def _after(self, timestep: float, index: int) -> int | None:
        """The next cached timestep, other than ``index``, that sampling will need after ``timestep``."""
        position = list(self._nearest).index(timestep)
        return next((later for later in self._order[position + 1 :] if later != index), None)
