"""Garbage collection: moving what nothing refers to into the trash, and deleting it later.

A file is taken only if it is older than the grace period and older than every live writer's lease. A writer that stores
a blob again touches its file, which may happen while gc takes it. So gc looks at a file's age once more when the file is
in the trash, and puts it back if it was touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreCorruption, StoreLocked
from ..format.layout import Layout, is_hex
from ..local import disk, leases
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..local.locks import locked
from ..local.name_index import NameIndex
from .references import References, read_references

_CLOCK_TICK = 0.02  # seconds; the clock that stamps files ticks every few milliseconds


@dataclass(frozen=True)
class GcReport:
    """What gc did, or in a dry run would do.

    Args:
        removed: Paths relative to the store.
        trashed_bytes: Bytes that went to the trash, where they stay on disk for the grace period.
        freed_bytes: Bytes that were deleted.
        dry_run: Whether nothing was done.
    """

    removed: tuple[str, ...]
    trashed_bytes: int
    freed_bytes: int
    dry_run: bool


@dataclass(frozen=True)
class _Garbage:
    """What to remove.

    Args:
        recipes: Entries that lead nowhere.
        unreferenced: Manifests and blobs, which go to the trash.
        temporary: Files of dead writers.
        expired: Files whose time in the trash is over.
    """

    recipes: list[Path]
    unreferenced: list[Path]
    temporary: list[Path]
    expired: list[Path]


def collect(layout: Layout, catalog: Catalog, *, grace: float, dry_run: bool) -> GcReport:
    """Move garbage that is older than ``grace`` seconds to the trash, and delete what has been there for as long.

    The caller holds the lock on names.

    Raises:
        StoreCorruption: A name cannot be followed to its blobs, which would be taken for garbage.
    """
    cutoff = _cutoff(layout, grace, time.time() if dry_run else _disk_time(layout))
    references = _read_references(catalog)
    garbage = _find_garbage(layout, references, grace, cutoff)
    deleted = garbage.temporary + garbage.expired + (garbage.unreferenced if grace <= 0 else [])
    removed = garbage.recipes + garbage.unreferenced + deleted
    report = GcReport(
        removed=tuple(str(path.relative_to(layout.root)) for path in dict.fromkeys(removed)),
        trashed_bytes=_total(garbage.unreferenced) if grace > 0 else 0,
        freed_bytes=_total(deleted),
        dry_run=dry_run,
    )
    if not dry_run:
        _sweep(layout, garbage, cutoff, grace)
        NameIndex(layout, catalog).rebuild(references.refs)
    return report


def _find_garbage(layout: Layout, references: References, grace: float, cutoff: float) -> _Garbage:
    return _Garbage(
        recipes=[path for path in map(layout.recipe, sorted(references.dead_recipes)) if _is_older(path, cutoff)],
        unreferenced=list(_unreferenced(layout, references, cutoff)),
        temporary=[path for path in _temporary_files(layout) if _is_older(path, cutoff)],
        expired=_expired(layout, grace),
    )


def _read_references(catalog: Catalog) -> References:
    try:
        return read_references(catalog)
    except StoreCorruption as error:
        raise StoreCorruption(f"nothing was collected: {error}", identity=error.identity) from error


def _disk_time(layout: Layout) -> float:
    """The current time by the clock that stamps files. Files stored after this call are not older."""
    time.sleep(_CLOCK_TICK)
    probe = layout.locks / "names"  # the lock file that the caller holds
    return (disk.touch(probe) and disk.modified(probe)) or time.time()


def _cutoff(layout: Layout, grace: float, now: float) -> float:
    """The time in seconds since the epoch before which a file must have changed to be taken.

    ``now`` must be taken before the leases are read: a writer whose lease is not seen stores everything after ``now``.
    """
    writing_since = leases.oldest_writer(layout)
    return now - grace if writing_since is None else min(now - grace, writing_since)


def _unreferenced(layout: Layout, references: References, cutoff: float) -> Iterator[Path]:
    """Old manifests that nothing refers to, and old blobs that no other manifest lists."""
    kept = references.referenced | leases.leased_identities(layout)
    kept_blobs: set[str] = set()
    for digest in sorted({*references.blobs, *references.unreadable}):
        path = layout.manifest(digest)
        if digest not in kept and _is_older(path, cutoff):
            yield path
        else:  # an unreadable one that is too young to take keeps no blobs
            kept_blobs |= references.blobs.get(digest, frozenset())
    for digest in BlobStore(layout).digests(excluding=kept_blobs):
        if _is_older(layout.blob(digest), cutoff):
            yield layout.blob(digest)


def _temporary_files(layout: Layout) -> list[Path]:
    return [layout.tmp / name for name in disk.names(layout.tmp)]


def _expired(layout: Layout, grace: float) -> list[Path]:
    """Files that have been in the trash for ``grace`` seconds."""
    limit = (time.time() - grace) * 1e9
    return [layout.trash / name for name in disk.names(layout.trash) if _trashed_at(name) <= limit]


def _trashed_at(name: str) -> int:
    """When a file was moved to the trash, in ns since the epoch: its name there starts with it."""
    stamp = name.split("-")[0]
    return int(stamp) if stamp.isdecimal() else 0


def _sweep(layout: Layout, garbage: _Garbage, cutoff: float, grace: float) -> None:
    for path in garbage.recipes:
        if _is_older(path, cutoff):  # otherwise it has just been written anew
            disk.remove(path)
    for path in garbage.unreferenced:
        _trash(layout, path, cutoff)
    for path in garbage.temporary + _expired(layout, grace):
        disk.remove(path, sync=False)
    leases.remove_expired(layout)
    _remove_locks(layout, cutoff)


def _trash(layout: Layout, path: Path, cutoff: float) -> None:
    target = layout.trash / f"{time.time_ns()}-{path.name}"
    if disk.move(path, target) and not _is_older(target, cutoff):
        disk.move(target, path)  # a writer touched it meanwhile


def _remove_locks(layout: Layout, cutoff: float) -> None:
    """Remove lock files of recipes that are not stored, unless somebody holds them."""
    for name in disk.names(layout.locks):
        path = layout.locks / name
        if is_hex(name, 64) and not disk.exists(layout.recipe(name)) and _is_older(path, cutoff):
            try:
                with locked(path, timeout=0, purpose="registering"):
                    disk.remove(path, sync=False)
            except StoreLocked:
                continue


def _is_older(path: Path, cutoff: float) -> bool:
    modified = disk.modified(path)
    return modified is not None and modified < cutoff


def _total(paths: list[Path]) -> int:
    return sum(disk.size(path) or 0 for path in paths)
