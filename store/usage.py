"""How many bytes a store holds, who shares them, and what gc could free."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from . import disk
from .blobs import BlobStore
from .catalog import Catalog
from .errors import StoreCorruption
from .layout import Layout
from .manifest import Blob
from .memo import Memo


@dataclass(frozen=True)
class IdentityUsage:
    """One identity's bytes on disk: ``unique`` to it, and ``shared`` with others."""

    digest: str
    names: tuple[str, ...]
    unique: int
    shared: int


@dataclass(frozen=True)
class Usage:
    """Bytes of blobs on disk, each file counted once.

    ``unique`` belongs to one identity, ``shared`` to several, ``reclaimable`` to none (blobs that nothing refers to,
    trash, leftovers of writers). ``quarantined`` was set aside as damaged.
    """

    unique: int
    shared: int
    reclaimable: int
    quarantined: int
    identities: tuple[IdentityUsage, ...]

    @property
    def total(self) -> int:
        return self.unique + self.shared + self.reclaimable + self.quarantined


def measure(layout: Layout, catalog: Catalog) -> Usage:
    """Count bytes; reads manifests, never blobs. An identity whose manifest is damaged counts as none."""
    memo = Memo(layout, catalog)
    stored = catalog.digests()
    names = _names(catalog, memo, stored)
    tables = memo.tables([digest for digest in stored if digest in names])
    users = Counter(name for table in tables.values() for name, _ in table)
    sizes = {name: size for table in tables.values() for name, size in table}
    orphans = [layout.blob(digest) for digest in BlobStore(layout).digests(besides=users)]
    leftovers = [folder / name for folder in (layout.trash, layout.tmp) for name in disk.names(folder)]
    return Usage(
        unique=sum(sizes[name] for name, count in users.items() if count == 1),
        shared=sum(sizes[name] for name, count in users.items() if count > 1),
        reclaimable=sum(disk.size(path) or 0 for path in orphans + leftovers),
        quarantined=sum(disk.size(layout.quarantine / name) or 0 for name in disk.names(layout.quarantine)),
        identities=tuple(
            IdentityUsage(
                digest,
                tuple(names[digest]),
                unique=sum(size for name, size in table if users[name] == 1),
                shared=sum(size for name, size in table if users[name] > 1),
            )
            for digest, table in tables.items()
        ),
    )


def _names(catalog: Catalog, memo: Memo, stored: list[str]) -> dict[str, list[str]]:
    """Each manifest that an intact recipe entry or ref points to, with its names."""
    names = defaultdict(list)
    for entry in memo.refs()[0]:
        names[entry.manifest].append(entry.id)
    if set(stored) - names.keys():  # else no recipe entry needs to be read
        for entry in catalog.entries("recipe")[0]:
            names[entry.manifest] += []
    return names


def reclaimed_without(layout: Layout, catalog: Catalog, digest: str) -> int:
    """Bytes that only this identity refers to."""
    tables = _tables(catalog)
    others = {blob for other, blobs in tables.items() if other != digest for blob in blobs}
    return sum(blob.size for blob in tables.get(digest, set()) - others)


def _tables(catalog: Catalog) -> dict[str, set[Blob]]:
    """The blobs of each identity that something refers to."""
    tables = {}
    for digest in catalog.roots():
        try:
            tables[digest] = catalog.manifest(digest).blobs
        except StoreCorruption:
            continue
    return tables
