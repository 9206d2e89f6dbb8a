"""A cache on disk of what thousands of small files hold, so that listing and counting need not read them again.

It works like git's index: a file is unchanged while its inode, size and modification time are. The cache may be lost,
damaged or out of date, which only costs time. Only listings and byte counts use it; whatever is served, verified,
removed or collected is read from the files themselves.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import StoreCorruption, StoreError
from ..format.entries import Entry
from ..format.layout import Layout
from ..format.names import IMPORTED
from . import cache_file, disk
from .catalog import Catalog

_MIN_READS = 200  # files that had to be read before writing the cache pays off
_SETTLED = (
    2e9  # nanoseconds; a file that changed later than this could change again within one tick of the disk's clock
)

Signature = list[int]  # inode, size and modification time in ns
BlobSizes = list[list[Any]]  # rows of [xxh3_128, bytes], as JSON gives them back


@dataclass
class _RefScan:
    """The entries found so far."""

    intact: list[Entry] = field(default_factory=list)
    damaged: dict[str, StoreCorruption] = field(default_factory=dict)
    reads: int = 0


class ListingCache:
    """The cache of one store."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout, self._catalog = layout, catalog

    def refs(self) -> tuple[list[Entry], dict[str, StoreCorruption]]:
        """Read all names. Returns the same as ``Catalog.entries("ref")``."""
        cached, fresh = self._load("refs"), {}
        scan = _RefScan()
        settled_before = time.time_ns() - _SETTLED
        for name, signature in self._signatures():
            entry = self._ref(name, signature, cached, scan)
            if entry is None:
                continue
            scan.intact.append(entry)
            if signature[2] < settled_before:
                fresh[name] = [signature, [entry.manifest, entry.created, entry.summary, entry.pinned]]
        self._save("refs", fresh, scan.reads)
        return scan.intact, scan.damaged

    def _ref(self, name: str, signature: Signature, cached: dict[str, Any], scan: _RefScan) -> Entry | None:
        known = cached.get(name)
        if known is not None and known[0] == signature:
            return Entry("ref", name, *known[1])
        scan.reads += 1
        try:
            return self._catalog.entry("ref", name)
        except StoreCorruption as error:
            scan.damaged[name] = error
            return None

    def recipes(self, digests: Collection[str]) -> list[Entry]:
        """The intact recipe entries that point to these manifests.

        Each manifest tells which entry that can be, so that the entries of all the others need not be read.
        """
        cached, fresh, reads = self._load("recipe keys"), {}, 0
        try:
            for digest in digests:
                reads += digest not in cached
                fresh[digest] = cached.get(digest) or self._catalog.manifest(digest).recipe_key
            found = [self._catalog.entry("recipe", key) for key in fresh.values()]
        except StoreCorruption:  # no shortcut leads past a damaged file
            found = [*self._catalog.entries("recipe")[0]]
        self._save("recipe keys", fresh, reads)
        return [entry for entry in found if entry is not None and entry.manifest in digests]

    def blob_sizes(self, digests: list[str]) -> dict[str, BlobSizes]:
        """The blobs of each of these manifests. Damaged manifests are left out.

        A manifest never changes, so its digest is enough to recognize it.
        """
        cached, fresh, reads = self._load("blobs"), {}, 0
        for digest in digests:
            if digest not in cached:
                reads += 1
                with suppress(StoreCorruption):
                    cached[digest] = sorted([b.xxh3_128, b.size] for b in self._catalog.manifest(digest).blobs)
            if digest in cached:
                fresh[digest] = cached[digest]
        self._save("blobs", fresh, reads)
        return fresh

    def _signatures(self) -> list[tuple[str, Signature]]:
        folders = (("", self._layout.refs), (f"{IMPORTED}/", self._layout.refs / IMPORTED))
        return sorted((prefix + name, found) for prefix, folder in folders for name, found in disk.signatures(folder))

    def _load(self, table: str) -> dict[str, Any]:
        return cache_file.load(self._layout.listing_cache / table) or {}

    def _save(self, table: str, rows: dict[str, Any], reads: int) -> None:
        if reads < _MIN_READS:
            return
        with suppress(StoreError):  # a store that is full or cannot be written is only slower to list
            cache_file.save(self._layout.listing_cache / table, rows, tmp=self._layout.tmp)
