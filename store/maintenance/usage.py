"""Usage: how many bytes a store holds, which identities share them, and what gc could free."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from ..format.layout import Layout
from ..local import disk
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..local.listing_cache import ListingCache


@dataclass(frozen=True)
class IdentityUsage:
    """One identity's bytes on disk: ``unique`` to it, and ``shared`` with others."""

    digest: str
    names: tuple[str, ...]
    unique: int
    shared: int


@dataclass(frozen=True)
class Usage:
    """Bytes of blobs on disk. Each file counts once.

    Args:
        unique: Bytes that belong to one identity.
        shared: Bytes that belong to several.
        reclaimable: Bytes that gc can free: blobs of no identity, trash, and leftovers of writers.
        quarantined: Bytes that were moved aside as damaged.
        identities: The bytes of each identity.
    """

    unique: int
    shared: int
    reclaimable: int
    quarantined: int
    identities: tuple[IdentityUsage, ...]

    @property
    def total(self) -> int:
        """All bytes."""
        return self.unique + self.shared + self.reclaimable + self.quarantined


def measure(layout: Layout, catalog: Catalog) -> Usage:
    """Count bytes. Reads manifests but no blobs. An identity whose manifest is damaged is left out."""
    cache = ListingCache(layout, catalog)
    stored = catalog.digests()
    names = _names(cache, stored)
    blob_sizes = cache.blob_sizes([digest for digest in stored if digest in names])
    users = Counter(blob for blobs in blob_sizes.values() for blob, _ in blobs)
    sizes = {blob: size for blobs in blob_sizes.values() for blob, size in blobs}
    orphans = [layout.blob(digest) for digest in BlobStore(layout).digests(excluding=users)]
    leftovers = [folder / name for folder in (layout.trash, layout.tmp) for name in disk.names(folder)]
    return Usage(
        unique=sum(sizes[blob] for blob, count in users.items() if count == 1),
        shared=sum(sizes[blob] for blob, count in users.items() if count > 1),
        reclaimable=sum(disk.size(path) or 0 for path in orphans + leftovers),
        quarantined=sum(disk.size(layout.quarantine / name) or 0 for name in disk.names(layout.quarantine)),
        identities=tuple(
            IdentityUsage(
                digest,
                tuple(names[digest]),
                unique=sum(size for blob, size in blobs if users[blob] == 1),
                shared=sum(size for blob, size in blobs if users[blob] > 1),
            )
            for digest, blobs in blob_sizes.items()
        ),
    )


def _names(cache: ListingCache, stored: list[str]) -> dict[str, list[str]]:
    """The manifests that intact entries point to, each with its names."""
    names = defaultdict(list)
    for entry in cache.refs()[0]:
        names[entry.manifest].append(entry.id)
    for entry in cache.recipes(set(stored) - names.keys()):
        names[entry.manifest] += []
    return names
