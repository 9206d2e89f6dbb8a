"""Making room: identities that were not used for long go first, pinned ones and those in use never.

An identity was used when its K/V were written or read. Sizes are those of the arrays; what identities share is counted
for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from . import disk, pins
from .catalog import Catalog
from .entries import Entry
from .errors import OverBudget
from .layout import Layout

JUST_USED = 3600.0  # seconds during which an identity counts as in use, pin or not


@dataclass(frozen=True)
class Pruned:
    """One identity that was, or would be, removed. ``used`` is in seconds since the epoch."""

    digest: str
    names: tuple[str, ...]
    nbytes: int
    used: float


@dataclass(frozen=True)
class PruneReport:
    """What prune did, or in a dry run would do; ``kept_bytes`` is what the remaining identities hold."""

    removed: tuple[Pruned, ...]
    kept_bytes: int
    dry_run: bool

    @property
    def removed_bytes(self) -> int:
        return sum(each.nbytes for each in self.removed)


def choose(
    layout: Layout,
    catalog: Catalog,
    *,
    older_than: float | None,
    max_bytes: int | None,
    just_used: float = JUST_USED,
) -> PruneReport:
    """Which identities to remove, least recently used first: all not used for ``older_than`` seconds, then until the rest
    holds ``max_bytes``; none that was used in the last ``just_used`` seconds."""
    roots = catalog.roots()
    sizes = {digest: _nbytes(entries) for digest, entries in roots.items()}
    candidates = sorted(_candidates(layout, roots, just_used), key=lambda each: each.used)
    left, removed = sum(sizes.values()), []
    for each in candidates:
        stale = older_than is not None and each.used < time.time() - older_than
        too_much = max_bytes is not None and left > max_bytes
        if stale or too_much:
            removed.append(each)
            left -= each.nbytes
    return PruneReport(tuple(removed), left, dry_run=True)


def make_room(
    layout: Layout,
    catalog: Catalog,
    needed: int,
    budget: int,
    remove: Callable[[PruneReport], object],
    *,
    evict: bool,
    just_used: float = JUST_USED,
) -> None:
    """See to it that ``needed`` more bytes stay within the budget. Raises OverBudget, before anything is removed, where they cannot."""
    report = choose(layout, catalog, older_than=None, max_bytes=budget - needed, just_used=just_used)
    if report.kept_bytes + report.removed_bytes + needed <= budget:
        return
    if not evict or report.kept_bytes + needed > budget:
        held = report.kept_bytes + (0 if evict else report.removed_bytes)
        raise OverBudget(
            f"{needed} bytes do not fit into the store's budget of {budget}: {held} are held by "
            f"{'pinned identities and those in use' if evict else 'other identities'}; raise the budget, "
            "remove or unpin some, or store less (fewer timesteps or layers)"
        )
    remove(report)


def _candidates(layout: Layout, roots: dict[str, list[Entry]], just_used: float) -> list[Pruned]:
    reading = pins.being_read(layout)
    found = []
    for digest, entries in roots.items():
        used = disk.modified(layout.manifest(digest)) or 0.0
        if digest in reading or any(entry.pinned for entry in entries) or time.time() - used < just_used:
            continue
        names = tuple(entry.id for entry in entries if entry.kind == "ref")
        found.append(Pruned(digest, names, _nbytes(entries), used))
    return found


def _nbytes(entries: list[Entry]) -> int:
    return max(int(entry.summary.get("nbytes", 0)) for entry in entries)
