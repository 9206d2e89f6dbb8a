"""What a store's entries lead to. Each entry and each manifest is read once."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import StoreCorruption
from ..format.entries import Entry
from ..local.catalog import Catalog


@dataclass(frozen=True)
class References:
    """All entries and manifests of a store.

    Args:
        refs: The names.
        recipes: The intact recipe entries.
        damaged_recipes: Keys of the others.
        blobs: The SHA-256 of each readable manifest, with the xxh3_128 of its blobs.
        unreadable: The SHA-256 of each other manifest that is on disk or that an entry points to, with what is wrong.
    """

    refs: list[Entry]
    recipes: list[Entry]
    damaged_recipes: list[str]
    blobs: dict[str, frozenset[str]]
    unreadable: dict[str, StoreCorruption]

    @property
    def dead_recipes(self) -> set[str]:
        """Keys of the recipe entries that lead to no readable manifest. Registering again replaces them."""
        return {*self.damaged_recipes, *(entry.id for entry in self.recipes if entry.manifest not in self.blobs)}

    @property
    def referenced(self) -> set[str]:
        """The readable manifests that an entry points to."""
        return {entry.manifest for entry in self.refs + self.recipes} & self.blobs.keys()


def read_references(catalog: Catalog) -> References:
    """Read all entries, then all manifests, so that the manifest of an entry written meanwhile is not missed.

    Raises:
        StoreCorruption: A name cannot be followed to its manifest.
    """
    refs, damaged = catalog.entries("ref")
    for name, error in damaged.items():
        raise StoreCorruption(f"{error}; remove the name {name!r} or register it again", identity=name)
    recipes, damaged_recipes = catalog.entries("recipe")
    blobs: dict[str, frozenset[str]] = {}
    unreadable: dict[str, StoreCorruption] = {}
    for digest in sorted({*(entry.manifest for entry in refs + recipes), *catalog.digests()}):
        try:
            blobs[digest] = catalog.blob_digests(digest)
        except StoreCorruption as error:
            unreadable[digest] = error
    for entry in refs:
        if entry.manifest in unreadable:
            problem = unreadable[entry.manifest]
            raise StoreCorruption(
                f"identity {entry.id!r}: {problem}; remove it or register it again", identity=entry.id
            )
    return References(refs, recipes, list(damaged_recipes), blobs, unreadable)
