"""Listing the identities of a store. Reads entries only, never manifests or blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..format.entries import Entry
from ..format.layout import Layout
from .catalog import Catalog
from .listing_cache import ListingCache


@dataclass(frozen=True)
class IdentityInfo:
    """One line of a listing.

    Args:
        name: None for an identity that can be found only by its recipe or digest.
        digest: None where the name's entry is damaged.
        created: Seconds since the epoch.
        nbytes: Bytes of the arrays.
        timesteps: Of the cached keys and values.
        prompt: The attribute of this name.
        model: The attribute of this name.
        size: The attribute of this name.
        pinned: Whether the name is protected from removal.
        problem: Why the identity cannot be opened, or None. The other fields may be empty then.
    """

    name: str | None
    digest: str | None
    created: float | None = None
    nbytes: int = 0
    timesteps: tuple[int, ...] = ()
    prompt: str | None = None
    model: Any = None
    size: Any = None
    pinned: bool = False
    problem: str | None = None


def list_identities(layout: Layout, catalog: Catalog) -> list[IdentityInfo]:
    """List every name, sorted, then every identity without a name, oldest first."""
    cache = ListingCache(layout, catalog)
    named, damaged = cache.refs()
    stored = set(catalog.digests())
    nameless = cache.recipes(stored - {entry.manifest for entry in named})
    lines = [_checked(entry, stored) for entry in named]
    lines += [IdentityInfo(name, None, problem=str(error)) for name, error in damaged.items()]
    lines.sort(key=lambda line: line.name or "")
    return lines + [_checked(entry, stored) for entry in sorted(nameless, key=lambda entry: entry.created)]


def _checked(entry: Entry, stored: set[str]) -> IdentityInfo:
    return from_entry(entry, None if entry.manifest in stored else "its manifest is missing: register it again")


def from_entry(entry: Entry, problem: str | None = None) -> IdentityInfo:
    """Make the line of a listing from an entry's summary."""
    summary = entry.summary
    return IdentityInfo(
        name=entry.id if entry.kind == "ref" else None,
        digest=entry.manifest,
        created=entry.created,
        nbytes=summary.get("nbytes", 0),
        timesteps=tuple(summary.get("timesteps", ())),
        prompt=summary.get("prompt"),
        model=summary.get("model"),
        size=summary.get("size"),
        pinned=entry.pinned,
        problem=problem,
    )
