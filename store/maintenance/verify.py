"""Verification: checking every entry, manifest and blob against its checksum. Changes nothing."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidValue, StoreCorruption
from ..format.blob import fast_digest
from ..format.entries import Entry
from ..format.layout import Layout
from ..local import disk
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..progress import Progress


@dataclass(frozen=True)
class Problem:
    """One damaged or missing file.

    Args:
        path: Relative to the store.
        message: What is wrong.
        identities: Names (or digests) of the identities that need the file.
    """

    path: str
    message: str
    identities: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """The result of a verification.

    Args:
        problems: What was found.
        identities: How many identities were checked.
        blobs: How many blobs had their size checked.
        checked_blobs: How many of them were read and hashed.
        checked_bytes: Bytes of these.
    """

    problems: tuple[Problem, ...]
    identities: int
    blobs: int
    checked_blobs: int
    checked_bytes: int

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems


@dataclass
class _BlobUse:
    """Who needs a blob."""

    size: int
    identities: list[str] = field(default_factory=list)


_BlobUses = dict[str, _BlobUse]  # by the blob's xxh3_128
_Keys = dict[str, str]  # the recipe key of each readable manifest, by its SHA-256


def check(layout: Layout, catalog: Catalog, *, share: float, progress: Progress | None) -> VerifyReport:
    """Check all entries and manifests, the sizes of all blobs, and the bytes of some blobs.

    Args:
        layout: The store.
        catalog: Its catalog.
        share: Which part of the blobs to read, from 0 to 1. They are chosen at random.
        progress: Called after each blob that was read.

    Raises:
        InvalidValue: ``share`` is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise InvalidValue(f"sample={share}: give the share of blobs to read, from 0 to 1")
    refs, damaged_refs = catalog.entries("ref")
    recipes, damaged_recipes = catalog.entries("recipe")
    labels = _labels(refs, recipes)
    uses, keys, manifest_problems = _read_manifests(layout, catalog, labels)
    problems = [_problem(layout, layout.ref(name), str(error), [name]) for name, error in damaged_refs.items()]
    problems += [_problem(layout, layout.recipe(key), str(error), []) for key, error in damaged_recipes.items()]
    problems += [*_swapped(layout, recipes, keys), *manifest_problems]
    sizes = {digest: disk.size(layout.blob(digest)) for digest in {*uses, *BlobStore(layout).digests()}}
    problems += _size_problems(layout, uses, sizes)
    wanted = {digest: size for digest, size in sorted(sizes.items()) if size is not None and random.random() < share}
    problems += _content_problems(layout, uses, wanted, progress)
    return VerifyReport(tuple(problems), len(labels), len(sizes), len(wanted), sum(wanted.values()))


def _labels(refs: Sequence[Entry], recipes: Sequence[Entry]) -> dict[str, list[str]]:
    """What to call each identity in messages: its names, or else the digest's first 12 digits."""
    names = defaultdict(list)
    for entry in refs:
        names[entry.manifest].append(entry.id)
    return {entry.manifest: [entry.manifest[:12]] for entry in recipes} | names


def _swapped(layout: Layout, recipes: Sequence[Entry], keys: _Keys) -> Iterator[Problem]:
    """Recipe entries that lead to the identity of another recipe."""
    for entry in recipes:
        key = keys.get(entry.manifest, entry.id)  # an unreadable manifest is reported itself
        if key != entry.id:
            yield _problem(layout, layout.recipe(entry.id), f"it leads to the identity of recipe {key[:12]}", [])


def _read_manifests(
    layout: Layout, catalog: Catalog, labels: Mapping[str, list[str]]
) -> tuple[_BlobUses, _Keys, list[Problem]]:
    """Read each manifest once: the blobs that identities need, the recipes' keys, and the manifests' problems.

    Manifests that no entry points to are checked too, but their blobs are not needed.
    """
    uses: _BlobUses = {}
    keys: _Keys = {}
    problems = []
    for digest in sorted({*labels, *catalog.digests()}):
        try:
            manifest = catalog.manifest(digest)
        except StoreCorruption as error:
            problems.append(_problem(layout, layout.manifest(digest), str(error), labels.get(digest, [])))
            continue
        keys[digest] = manifest.recipe_key
        for blob in manifest.blobs if digest in labels else ():
            uses.setdefault(blob.xxh3_128, _BlobUse(blob.size)).identities.extend(labels[digest])
    return uses, keys, problems


def _size_problems(layout: Layout, uses: _BlobUses, sizes: Mapping[str, int | None]) -> Iterator[Problem]:
    for digest, use in sorted(uses.items(), key=lambda item: item[0]):
        found = sizes[digest]
        if found is None:
            yield _problem(layout, layout.blob(digest), "it is missing", use.identities)
        elif found != use.size:
            yield _problem(layout, layout.blob(digest), f"it has {found} bytes, not {use.size}", use.identities)


def _content_problems(
    layout: Layout, uses: _BlobUses, sizes: Mapping[str, int], progress: Progress | None
) -> Iterator[Problem]:
    """Read and hash the blobs in ``sizes`` (digest -> bytes)."""
    done, total = 0, sum(sizes.values())
    for digest, size in sizes.items():
        if not _is_intact(layout, digest):
            identities = uses[digest].identities if digest in uses else []
            yield _problem(layout, layout.blob(digest), "its xxh3_128 does not match its name", identities)
        done += size
        if progress is not None:
            progress(done, total)


def _is_intact(layout: Layout, digest: str) -> bool:
    data = disk.read(layout.blob(digest))
    return data is None or fast_digest(data) == digest  # None: gc has just taken it


def _problem(layout: Layout, path: Path, message: str, identities: Sequence[str]) -> Problem:
    return Problem(str(path.relative_to(layout.root)), message, tuple(sorted(set(identities))))
