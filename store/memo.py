"""What thousands of small files say, remembered, so that listing and counting do not read them again (as git's index does).

It may be lost, damaged or out of date, and then only costs time: a file is known by its inode, size and time of change. Only
listings and byte counts use it; what is served, verified, removed or collected is read from the files themselves.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import Any

from . import disk
from .catalog import Catalog
from .entries import Entry
from .errors import StoreCorruption, StoreError
from .layout import Layout
from .names import IMPORTED

_WORTH_WRITING = 200  # files that had to be read
_SETTLED = 2e9  # nanoseconds: a file changed this lately could change again within one tick of the disk's clock

Table = list[list[Any]]  # xxh3_128 and size of each blob


class Memo:
    """The memory of one store, in its ``memo/`` folder."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout, self._catalog = layout, catalog

    def refs(self) -> tuple[list[Entry], dict[str, StoreCorruption]]:
        """As ``Catalog.entries("ref")``."""
        known, fresh = self._load("refs"), {}
        intact, damaged, read = [], {}, 0
        settled = time.time_ns() - _SETTLED
        for name, signature in self._signatures():
            seen = known.get(name)
            if seen is not None and seen[0] == signature:
                entry: Entry | None = Entry("ref", name, *seen[1])
            else:
                read += 1
                try:
                    entry = self._catalog.entry("ref", name)
                except StoreCorruption as error:
                    damaged[name] = error
                    continue
            if entry is not None:
                intact.append(entry)
                if signature[2] < settled:
                    fresh[name] = [signature, [entry.manifest, entry.created, entry.summary, entry.pinned]]
        self._save("refs", fresh, read)
        return intact, damaged

    def tables(self, digests: list[str]) -> dict[str, Table]:
        """The blobs of these manifests; one that is damaged is left out. Manifests never change, so their names tell them."""
        known, fresh, read = self._load("blobs"), {}, 0
        for digest in digests:
            if digest not in known:
                read += 1
                with suppress(StoreCorruption):
                    blobs = self._catalog.manifest(digest).blobs
                    known[digest] = sorted([blob.xxh3_128, blob.size] for blob in blobs)
            if digest in known:
                fresh[digest] = known[digest]
        self._save("blobs", fresh, read)
        return fresh

    def _signatures(self) -> list[tuple[str, list[int]]]:
        """Each ref's name with inode, size and time of change (ns)."""
        folders = (("", self._layout.refs), (f"{IMPORTED}/", self._layout.refs / IMPORTED))
        return sorted((prefix + name, found) for prefix, folder in folders for name, found in disk.signatures(folder))

    def _load(self, what: str) -> dict[str, Any]:
        check, _, body = (disk.read(self._layout.memo / what) or b"").partition(b"\n")
        if check != hashlib.sha256(body).hexdigest().encode():
            return {}
        table: dict[str, Any] = json.loads(body)
        return table

    def _save(self, what: str, table: dict[str, Any], read: int) -> None:
        if read < _WORTH_WRITING:
            return
        body = json.dumps(table, separators=(",", ":")).encode()
        with suppress(StoreError):  # a store that cannot be written, or is full, is slower to list
            check = hashlib.sha256(body).hexdigest().encode()
            disk.publish(self._layout.memo / what, check + b"\n" + body, tmp=self._layout.tmp, sync=False)
