"""K/V between the store and the model: their encoding as arrays, memory tiers with byte budgets, and reading ahead.

Tiers are the accelerator's memory, the host's memory, the disk, and an object store.
"""

from __future__ import annotations

from seal_sdk.kv_cache.cache import DEFAULT_BUDGET, KeyValueCache, Placement
from seal_sdk.kv_cache.reader import KeyValueReader, Lease

__all__ = ["DEFAULT_BUDGET", "KeyValueCache", "KeyValueReader", "Lease", "Placement"]
