"""The JSON files of a local store: manifests, and the recipe entries and refs that point to them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import StoreCorruption
from ..format.entries import Entry, Kind, new_entry
from ..format.layout import Layout
from ..format.manifest import Manifest, parse_blob_digests
from ..format.names import IMPORTED
from . import disk
from .root import list_digests


class Catalog:
    """Reads and publishes manifests and entries."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def manifest(self, digest: str) -> Manifest:
        """Read a manifest by its SHA-256.

        Raises:
            StoreCorruption: It is missing or damaged.
        """
        return Manifest.from_bytes(self._manifest_bytes(digest), digest)

    def publish(self, manifest: Manifest) -> str:
        """Write a manifest durably and return its SHA-256. Its blobs must be durable already."""
        data = manifest.to_bytes()
        digest = hashlib.sha256(data).hexdigest()
        disk.publish(self._layout.manifest(digest), data, tmp=self._layout.tmp)
        return digest

    def publish_with_recipe(self, manifest: Manifest) -> str:
        """Like :meth:`publish`. From then on the identity also answers its recipe."""
        digest = self.publish(manifest)
        self.write(new_entry("recipe", manifest.recipe_key, digest, manifest))
        return digest

    def blob_digests(self, digest: str) -> frozenset[str]:
        """The xxh3_128 of each blob of a manifest, which is read as :meth:`manifest` does but not parsed further.

        Raises:
            StoreCorruption: It is missing or damaged.
        """
        return parse_blob_digests(self._manifest_bytes(digest), digest)

    def digests(self, start: str = "") -> list[str]:
        """The SHA-256 of every manifest on disk, whether or not an entry points to it.

        ``start`` is at least two digits that all of them start with, or "".
        """
        found = list_digests(self._layout.manifests, 64, ".json", shard=start[:2])
        return [digest for digest in found if digest.startswith(start)]

    def ids(self, kind: Kind) -> list[str]:
        """All recipe keys, or all names (imported ones as ``imported/<name>``), sorted."""
        if kind == "recipe":
            return list_digests(self._layout.recipes, 64)
        imported = [f"{IMPORTED}/{name}" for name in disk.names(self._layout.refs / IMPORTED)]
        return sorted(disk.names(self._layout.refs) + imported)

    def entry(self, kind: Kind, id: str) -> Entry | None:
        """Read an entry. Returns None where there is none.

        Raises:
            StoreCorruption: It is damaged.
        """
        data = disk.read(self._path(kind, id))
        return None if data is None else Entry.from_bytes(data, kind, id)

    def entries(self, kind: Kind) -> tuple[list[Entry], dict[str, StoreCorruption]]:
        """All intact entries of a kind, and the error of each damaged one by its id."""
        intact: list[Entry] = []
        damaged: dict[str, StoreCorruption] = {}
        for id in self.ids(kind):
            try:
                entry = self.entry(kind, id)
            except StoreCorruption as error:
                damaged[id] = error
            else:
                intact += [entry] if entry else []
        return intact, damaged

    def write(self, entry: Entry) -> None:
        """Write an entry durably."""
        disk.publish(self._path(entry.kind, entry.id), entry.to_bytes(), tmp=self._layout.tmp)

    def remove(self, kind: Kind, id: str) -> bool:
        """Remove an entry. Returns False where there was none."""
        return disk.remove(self._path(kind, id))

    def _manifest_bytes(self, digest: str) -> bytes:
        data = disk.read(self._layout.manifest(digest))
        if data is None:
            raise StoreCorruption(f"manifest {digest[:12]} is missing", identity=digest)
        return data

    def _path(self, kind: Kind, id: str) -> Path:
        return self._layout.recipe(id) if kind == "recipe" else self._layout.ref(id)
