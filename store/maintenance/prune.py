"""Pruning: removing the identities that were used least recently.

An identity is used when its keys and values are written or read. Pinned identities and those in use stay. Sizes are
those of the arrays; bytes that identities share are counted for each of them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidValue, OverBudget
from ..format.entries import Entry
from ..format.layout import Layout
from ..local import disk
from ..local.catalog import Catalog
from ..local.leases import leased_identities
from ..local.listing_cache import ListingCache
from ..local.refs import Refs

IN_USE_FOR = 3600.0  # seconds after its last use during which an identity counts as in use, even without a lease


@dataclass(frozen=True)
class Pruned:
    """One identity that was removed, or would be. ``used`` is when, in seconds since the epoch."""

    digest: str
    names: tuple[str, ...]
    nbytes: int
    used: float


@dataclass(frozen=True)
class PruneReport:
    """What prune did, or would do. ``kept_bytes`` is the size of the remaining identities."""

    removed: tuple[Pruned, ...]
    kept_bytes: int
    dry_run: bool

    @property
    def removed_bytes(self) -> int:
        """The size of the removed identities."""
        return sum(each.nbytes for each in self.removed)


@dataclass(frozen=True)
class Budget:
    """How many bytes a store may hold, and what to do when they are exceeded.

    Args:
        nbytes: Bytes of all arrays, or None for no limit.
        over_budget: "evict" removes the identities used least recently, "refuse" raises OverBudget.
        in_use_for: Seconds after its last use during which an identity is not evicted.

    Raises:
        InvalidValue: A value is not one of these.
    """

    nbytes: int | None = None
    over_budget: str = "evict"
    in_use_for: float = IN_USE_FOR

    def __post_init__(self) -> None:
        is_size = self.nbytes is None or (type(self.nbytes) is int and self.nbytes >= 0)
        if self.over_budget not in ("evict", "refuse") or not is_size:
            raise InvalidValue(
                f"budget={self.nbytes!r}, over_budget={self.over_budget!r}: "
                "expected bytes >= 0 or None, and 'evict' or 'refuse'"
            )


def choose(
    layout: Layout,
    catalog: Catalog,
    *,
    older_than: float | None,
    max_bytes: int | None,
    in_use_for: float = IN_USE_FOR,
) -> PruneReport:
    """Choose which identities to remove, least recently used first.

    First those that were not used for ``older_than`` seconds, then more until the rest has at most ``max_bytes``. None
    that was used in the last ``in_use_for`` seconds.
    """
    entries = _entries_by_manifest(layout, catalog)
    sizes = {digest: _nbytes(its_entries) for digest, its_entries in entries.items()}
    candidates = sorted(_candidates(layout, entries, in_use_for), key=lambda each: each.used)
    left, removed = sum(sizes.values()), []
    for each in candidates:
        stale = older_than is not None and each.used < time.time() - older_than
        too_much = max_bytes is not None and left > max_bytes
        if stale or too_much:
            removed.append(each)
            left -= each.nbytes
    return PruneReport(tuple(removed), left, dry_run=True)


def remove(refs: Refs, chosen: PruneReport) -> PruneReport:
    """Remove the chosen identities, except those that have been pinned by now. Their bytes are left to gc."""
    done = set(refs.remove_all(each.digest for each in chosen.removed))
    removed = tuple(each for each in chosen.removed if each.digest in done)
    spared = chosen.removed_bytes - sum(each.nbytes for each in removed)
    return PruneReport(removed, chosen.kept_bytes + spared, dry_run=False)


def make_room(
    layout: Layout, catalog: Catalog, budget: Budget, needed: int, evict: Callable[[PruneReport], object]
) -> None:
    """Make sure that ``needed`` more bytes fit into the budget. Calls ``evict`` if identities have to be removed.

    Raises:
        OverBudget: They cannot fit. Nothing has been removed.
    """
    if budget.nbytes is None:
        return
    max_bytes = budget.nbytes - needed
    report = choose(layout, catalog, older_than=None, max_bytes=max_bytes, in_use_for=budget.in_use_for)
    if report.kept_bytes + report.removed_bytes <= max_bytes:
        return
    may_evict = budget.over_budget == "evict"
    if not may_evict or report.kept_bytes > max_bytes:
        held = report.kept_bytes + (0 if may_evict else report.removed_bytes)
        raise OverBudget(
            f"{needed} bytes do not fit into the store's budget of {budget.nbytes}: {held} are held by "
            f"{'pinned identities and those in use' if may_evict else 'other identities'}; raise the budget, "
            "remove or unpin some, or store less (fewer timesteps or layers)"
        )
    evict(report)


def _entries_by_manifest(layout: Layout, catalog: Catalog) -> dict[str, list[Entry]]:
    """The names of each manifest, or its recipe entry where it has none."""
    cache = ListingCache(layout, catalog)
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in cache.refs()[0]:
        found[entry.manifest].append(entry)
    for entry in cache.recipes(set(catalog.digests()) - found.keys()):
        found[entry.manifest].append(entry)
    return found


def _candidates(layout: Layout, entries: dict[str, list[Entry]], in_use_for: float) -> list[Pruned]:
    leased = leased_identities(layout)
    found = []
    for digest, its_entries in entries.items():
        used = disk.modified(layout.manifest(digest)) or 0.0
        if digest in leased or any(entry.pinned for entry in its_entries) or time.time() - used < in_use_for:
            continue
        names = tuple(entry.id for entry in its_entries if entry.kind == "ref")
        found.append(Pruned(digest, names, _nbytes(its_entries), used))
    return found


def _nbytes(entries: list[Entry]) -> int:
    return max(int(entry.summary.get("nbytes", 0)) for entry in entries)
