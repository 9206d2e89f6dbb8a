"""Manifests, and the recipe entries and refs that point to them."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from typing import Any

from . import disk
from .entries import Entry, Kind
from .errors import StoreCorruption
from .layout import Layout, sharded
from .manifest import Manifest
from .names import IMPORTED

_SUMMARY = ("prompt", "model", "size")  # attributes that a listing shows


class Catalog:
    """Reads and publishes the JSON side of one store."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def manifest(self, digest: str) -> Manifest:
        """Raises StoreCorruption where it is missing or damaged."""
        data = disk.read(self._layout.manifest(digest))
        if data is None:
            raise StoreCorruption(f"manifest {digest[:12]} is missing", identity=digest)
        return Manifest.from_bytes(data, digest)

    def publish(self, manifest: Manifest) -> str:
        """Make a manifest durable and return its digest. Its blobs must be durable already."""
        data = manifest.to_bytes()
        digest = hashlib.sha256(data).hexdigest()
        disk.publish(self._layout.manifest(digest), data, tmp=self._layout.tmp)
        return digest

    def digests(self) -> list[str]:
        """Digests of every manifest on disk, referenced or not."""
        return sharded(self._layout.manifests, 64, ".json")

    def ids(self, kind: Kind) -> list[str]:
        """All recipe keys, or all names (those from outside as ``imported/<name>``), sorted."""
        if kind == "recipe":
            return sharded(self._layout.recipes, 64)
        imported = [f"{IMPORTED}/{name}" for name in disk.names(self._layout.refs / IMPORTED)]
        return sorted(disk.names(self._layout.refs) + imported)

    def entry(self, kind: Kind, id: str) -> Entry | None:
        """None where there is none; raises StoreCorruption where it is damaged."""
        data = disk.read(self._path(kind, id))
        return None if data is None else Entry.from_bytes(data, kind, id)

    def entries(self, kind: Kind) -> tuple[list[Entry], dict[str, StoreCorruption]]:
        """The intact entries of a kind, and the error of each damaged one by its id."""
        intact, damaged = [], {}
        for id in self.ids(kind):
            try:
                entry = self.entry(kind, id)
            except StoreCorruption as error:
                damaged[id] = error
            else:
                intact += [entry] if entry else []
        return intact, damaged

    def write(self, entry: Entry) -> None:
        disk.publish(self._path(entry.kind, entry.id), entry.to_bytes(), tmp=self._layout.tmp)

    def drop(self, kind: Kind, id: str) -> bool:
        return disk.remove(self._path(kind, id))

    def quarantine(self, kind: Kind, id: str) -> bool:
        return disk.quarantine(self._path(kind, id), self._layout.quarantine)

    def roots(self) -> dict[str, list[Entry]]:
        """Each manifest that an intact recipe entry or ref points to, with those entries."""
        roots: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries("ref")[0] + self.entries("recipe")[0]:
            roots[entry.manifest].append(entry)
        return dict(roots)

    def _path(self, kind: Kind, id: str) -> Any:
        return self._layout.recipe(id) if kind == "recipe" else self._layout.ref(id)


def new_entry(kind: Kind, id: str, digest: str, manifest: Manifest, *, pinned: bool = False) -> Entry:
    """An entry of now, with the summary that listings show."""
    summary = {field: manifest.attributes[field] for field in _SUMMARY if field in manifest.attributes}
    summary |= {"nbytes": manifest.nbytes, "timesteps": list(manifest.timesteps)}
    return Entry(kind, id, digest, time.time(), summary, pinned)
