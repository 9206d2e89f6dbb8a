"""Garbage collection: what no recipe, name or live writer refers to goes to the trash, and later away.

A file is taken only if it is older than the grace period *and* than every writer at work. Freshening a blob that is
stored again races with taking it, so a file's age is looked at once more when it lies in the trash, and a fresh one
is put back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import disk, pins
from .blobs import BlobStore
from .catalog import Catalog
from .entries import Entry
from .errors import StoreCorruption, StoreLocked
from .layout import Layout, is_hex
from .locks import locked


@dataclass(frozen=True)
class GcReport:
    """What gc did, or in a dry run would do.

    ``removed`` lists paths relative to the store; ``trashed_bytes`` went to the trash and stay on disk for the grace
    period, ``freed_bytes`` left the disk.
    """

    removed: tuple[str, ...]
    trashed_bytes: int
    freed_bytes: int
    dry_run: bool


def collect(layout: Layout, catalog: Catalog, *, grace: float, dry_run: bool) -> GcReport:
    """Mark, sweep to the trash, and empty the trash of what has been there for ``grace`` seconds.

    The caller holds the lock on names. Raises StoreCorruption where a name cannot be followed to its blobs: they
    would be taken for garbage.
    """
    cutoff = _cutoff(layout, grace, time.time() if dry_run else _disk_time(layout))
    dead_keys = set(_dead_recipes(catalog))
    dead = [path for path in map(layout.recipe, sorted(dead_keys)) if _older(path, cutoff)]
    garbage = list(_garbage(layout, catalog, dead_keys, cutoff))
    scraps = [path for path in _scraps(layout) if _older(path, cutoff)]
    expired = _expired(layout, grace) + (garbage if grace <= 0 else [])
    removed = dead + garbage + scraps + expired
    report = GcReport(
        removed=tuple(str(path.relative_to(layout.root)) for path in dict.fromkeys(removed)),
        trashed_bytes=_total(garbage) if grace > 0 else 0,
        freed_bytes=_total(scraps + expired),
        dry_run=dry_run,
    )
    if not dry_run:
        _sweep(layout, dead, garbage, scraps, cutoff, grace)
    return report


def _disk_time(layout: Layout) -> float:
    """Now, by the clock that stamps files: nothing stored after this call is older, and all stored before it is."""
    time.sleep(0.02)  # that clock ticks every few milliseconds
    probe = layout.locks / "names"  # held by the caller
    return (disk.touch(probe) and disk.modified(probe)) or time.time()


def _cutoff(layout: Layout, grace: float, now: float) -> float:
    """Only files changed before this time (seconds since the epoch) may be taken.

    ``now`` is earlier than the look at the pins: a writer whose pin is not seen stores everything later than it.
    """
    writing_since = pins.oldest_live(layout)
    return now - grace if writing_since is None else min(now - grace, writing_since)


def _dead_recipes(catalog: Catalog) -> Iterator[str]:
    """Keys of recipe entries that are damaged or lead to no readable manifest: registering again writes them anew."""
    entries, damaged = catalog.entries("recipe")
    yield from damaged
    for entry in entries:
        try:
            catalog.manifest(entry.manifest)
        except StoreCorruption:
            yield entry.id


def _garbage(layout: Layout, catalog: Catalog, dead: set[str], cutoff: float) -> Iterator[Path]:
    """Old manifests that nothing refers to, and old blobs that no other manifest lists."""
    roots = {entry.manifest for entry in _live_entries(catalog, dead)}
    kept = roots | pins.being_read(layout)
    kept_blobs = set()
    for digest in catalog.digests():
        path = layout.manifest(digest)
        if digest not in kept and _older(path, cutoff):
            yield path
        else:
            kept_blobs |= _blob_names(catalog, digest, needed=digest in roots)
    for digest in BlobStore(layout).digests():
        if digest not in kept_blobs and _older(layout.blob(digest), cutoff):
            yield layout.blob(digest)


def _live_entries(catalog: Catalog, dead: set[str]) -> list[Entry]:
    refs, damaged = catalog.entries("ref")
    for name, error in damaged.items():
        raise StoreCorruption(
            f"nothing was collected: {error}; remove the name {name!r} or register it again", identity=name
        )
    for entry in refs:
        _follow(catalog, entry)
    return refs + [entry for entry in catalog.entries("recipe")[0] if entry.id not in dead]


def _follow(catalog: Catalog, entry: Entry) -> None:
    try:
        catalog.manifest(entry.manifest)
    except StoreCorruption as error:
        raise StoreCorruption(
            f"nothing was collected: identity {entry.id!r}: {error}; remove it or register it again", identity=entry.id
        ) from error


def _blob_names(catalog: Catalog, digest: str, *, needed: bool) -> set[str]:
    try:
        return {blob.xxh3_128 for blob in catalog.manifest(digest).blobs}
    except StoreCorruption:
        if needed:
            raise
        return set()  # young, damaged, and nothing refers to it


def _scraps(layout: Layout) -> list[Path]:
    """Temporary files of writers, dead ones unless they are young."""
    return [layout.tmp / name for name in disk.names(layout.tmp)]


def _expired(layout: Layout, grace: float) -> list[Path]:
    """What has been in the trash for the grace period; a file's name there starts with when it came, in nanoseconds."""
    limit = (time.time() - grace) * 1e9
    return [layout.trash / name for name in disk.names(layout.trash) if _trashed_at(name) <= limit]


def _trashed_at(name: str) -> int:
    stamp = name.split("-")[0]
    return int(stamp) if stamp.isdecimal() else 0


def _sweep(
    layout: Layout, dead: list[Path], garbage: list[Path], scraps: list[Path], cutoff: float, grace: float
) -> None:
    for path in dead:
        if _older(path, cutoff):  # else somebody has just written it anew
            disk.remove(path)
    for path in garbage:
        _trash(layout, path, cutoff)
    for path in scraps + _expired(layout, grace):
        disk.remove(path, sync=False)
    pins.discard_stale(layout)
    _discard_locks(layout, cutoff)


def _trash(layout: Layout, path: Path, cutoff: float) -> None:
    target = layout.trash / f"{time.time_ns()}-{path.name}"
    if disk.move(path, target) and not _older(target, cutoff):
        disk.move(target, path)  # a writer freshened it meanwhile


def _discard_locks(layout: Layout, cutoff: float) -> None:
    """Lock files of recipes that are not stored, unless somebody holds them."""
    for name in disk.names(layout.locks):
        path = layout.locks / name
        if is_hex(name, 64) and not disk.exists(layout.recipe(name)) and _older(path, cutoff):
            try:
                with locked(path, timeout=0, purpose="registering"):
                    disk.remove(path, sync=False)
            except StoreLocked:
                continue


def _older(path: Path, cutoff: float) -> bool:
    modified = disk.modified(path)
    return modified is not None and modified < cutoff


def _total(paths: list[Path]) -> int:
    return sum(disk.size(path) or 0 for path in paths)
