"""What a store holds, at a glance: read from entries alone, never from manifests or blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalog import Catalog
from .entries import Entry
from .layout import Layout
from .memo import Memo


@dataclass(frozen=True)
class IdentityInfo:
    """One line of a listing.

    ``name`` is None for an identity that only its recipe finds. ``created`` is in seconds since the epoch, ``nbytes``
    counts the arrays. ``problem`` says what is wrong where the identity cannot be opened; the other fields may then
    be empty.
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
    """Every name, sorted, then every identity without a name, oldest first."""
    named, damaged = Memo(layout, catalog).refs()
    stored = set(catalog.digests())
    known = {entry.manifest for entry in named}
    nameless = {}
    if stored - known:  # else no recipe entry needs to be read: in a store of thousands that takes half the time
        nameless = {entry.manifest: entry for entry in catalog.entries("recipe")[0] if entry.manifest not in known}
    lines = [_line(entry, stored) for entry in named]
    lines += [IdentityInfo(name, None, problem=str(error)) for name, error in damaged.items()]
    lines.sort(key=lambda line: line.name or "")
    return lines + [_line(entry, stored) for entry in sorted(nameless.values(), key=lambda entry: entry.created)]


def _line(entry: Entry, stored: set[str]) -> IdentityInfo:
    return from_entry(entry, None if entry.manifest in stored else "its manifest is missing: register it again")


def from_entry(entry: Entry, problem: str | None = None) -> IdentityInfo:
    """What an entry says of its identity."""
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
