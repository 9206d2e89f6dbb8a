"""Verification: every entry, manifest and blob against its checksum. Changes nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import disk
from .blobs import BlobStore, fast_digest
from .catalog import Catalog
from .errors import InvalidValue, StoreCorruption
from .layout import Layout
from .progress import Progress


@dataclass(frozen=True)
class Problem:
    """One finding: ``path`` relative to the store, and the names (or digests) of the identities that it concerns."""

    path: str
    message: str
    identities: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """``checked_blobs`` and ``checked_bytes`` were read and hashed, of ``blobs`` that were looked at."""

    problems: tuple[Problem, ...]
    identities: int
    blobs: int
    checked_blobs: int
    checked_bytes: int

    @property
    def ok(self) -> bool:
        return not self.problems


def check(layout: Layout, catalog: Catalog, *, share: float, progress: Progress | None) -> VerifyReport:
    """Check all entries and manifests, the sizes of all blobs, and the bytes of a ``share`` (0 to 1) of the blobs.

    Raises InvalidValue for another share.
    """
    if not 0 <= share <= 1:
        raise InvalidValue(f"sample={share}: give the share of blobs to read, from 0 to 1")
    labels = _labels(catalog)
    users, manifest_problems = _users(layout, catalog, labels)
    problems = [*_entry_problems(layout, catalog), *manifest_problems]
    sizes = {digest: disk.size(layout.blob(digest)) for digest in {*users, *BlobStore(layout).digests()}}
    problems += _size_problems(layout, users, sizes)
    wanted = [digest for digest, size in sorted(sizes.items()) if size is not None and random.random() < share]
    checked, total = 0, sum(sizes[digest] or 0 for digest in wanted)
    for digest in wanted:
        if not _is_intact(layout, digest):
            used_by = users[digest][1] if digest in users else []
            problems.append(_problem(layout, layout.blob(digest), "its xxh3_128 does not match its name", used_by))
        checked += sizes[digest] or 0
        if progress is not None:
            progress(checked, total)
    return VerifyReport(tuple(problems), len(labels), len(sizes), len(wanted), checked)


def _labels(catalog: Catalog) -> dict[str, list[str]]:
    """What to call each identity that something refers to: its names, else the digest's first 12 digits."""
    return {
        digest: [entry.id for entry in entries if entry.kind == "ref"] or [digest[:12]]
        for digest, entries in catalog.roots().items()
    }


def _entry_problems(layout: Layout, catalog: Catalog) -> Iterator[Problem]:
    for name, error in catalog.entries("ref")[1].items():
        yield _problem(layout, layout.ref(name), str(error), [name])
    recipes, damaged = catalog.entries("recipe")
    for key, error in damaged.items():
        yield _problem(layout, layout.recipe(key), str(error), [])
    for entry in recipes:
        try:
            asked = catalog.manifest(entry.manifest).recipe_key
        except StoreCorruption:
            continue  # reported with the manifest
        if asked != entry.id:
            yield _problem(layout, layout.recipe(entry.id), f"it leads to the identity of recipe {asked[:12]}", [])


_Users = dict[str, tuple[int, list[str]]]  # blob -> size, identities


def _users(layout: Layout, catalog: Catalog, labels: Mapping[str, list[str]]) -> tuple[_Users, list[Problem]]:
    """The blobs that identities need; manifests that nothing refers to are checked but need none."""
    users: _Users = {}
    problems = []
    for digest in sorted({*labels, *catalog.digests()}):
        try:
            blobs = catalog.manifest(digest).blobs
        except StoreCorruption as error:
            problems.append(_problem(layout, layout.manifest(digest), str(error), labels.get(digest, [])))
            continue
        for blob in blobs if digest in labels else ():
            users.setdefault(blob.xxh3_128, (blob.size, []))[1].extend(labels[digest])
    return users, problems


def _size_problems(layout: Layout, users: _Users, sizes: Mapping[str, int | None]) -> Iterator[Problem]:
    for digest, (size, used_by) in sorted(users.items()):
        found = sizes[digest]
        if found is None:
            yield _problem(layout, layout.blob(digest), "it is missing", used_by)
        elif found != size:
            yield _problem(layout, layout.blob(digest), f"it has {found} bytes, not {size}", used_by)


def _is_intact(layout: Layout, digest: str) -> bool:
    data = disk.read(layout.blob(digest))
    return data is None or fast_digest(data) == digest  # gone since: gc took it


def _problem(layout: Layout, path: Path, message: str, identities: Sequence[str]) -> Problem:
    return Problem(str(path.relative_to(layout.root)), message, tuple(sorted(set(identities))))
