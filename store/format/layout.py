"""The layout of a store's folder, and its version.

::

    FORMAT                             version of this layout
    blobs/ab/<32 hex xxh3_128>         one chunk of an array, or a small attached file; immutable
    manifests/ab/<64 hex sha256>.json  one identity; immutable
    recipes/ab/<64 hex recipe key>     pointer from a recipe to a manifest
    refs/<name>                        pointer from a user's name to a manifest
    pins/                              leases of running writers and readers
    locks/  tmp/  trash/  quarantine/
    memo/                              caches, which may be deleted: of listings, and of the names of each manifest
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

VERSION = 1
MAGIC = "seal-store"
_HEX = re.compile("[0-9a-f]*").fullmatch


@dataclass(frozen=True)
class Layout:
    """The paths of one store. ``root`` is its folder, or an empty path for keys in an object store."""

    root: Path

    @cached_property
    def format(self) -> Path:
        """The file that states the layout's version."""
        return self.root / "FORMAT"

    @cached_property
    def blobs(self) -> Path:
        """The folder of all blobs."""
        return self.root / "blobs"

    @cached_property
    def manifests(self) -> Path:
        """The folder of all manifests."""
        return self.root / "manifests"

    @cached_property
    def recipes(self) -> Path:
        """The folder of the recipe entries."""
        return self.root / "recipes"

    @cached_property
    def refs(self) -> Path:
        """The folder of the names."""
        return self.root / "refs"

    @cached_property
    def leases(self) -> Path:
        """The folder of the leases. It is called ``pins`` on disk."""
        return self.root / "pins"

    @cached_property
    def locks(self) -> Path:
        """The folder of the lock files."""
        return self.root / "locks"

    @cached_property
    def tmp(self) -> Path:
        """The folder of files that are being written."""
        return self.root / "tmp"

    @cached_property
    def trash(self) -> Path:
        """The folder of garbage that waits to be deleted."""
        return self.root / "trash"

    @cached_property
    def quarantine(self) -> Path:
        """The folder of damaged files."""
        return self.root / "quarantine"

    @cached_property
    def listing_cache(self) -> Path:
        """The folder of the listing cache. It is called ``memo`` on disk."""
        return self.root / "memo"

    @cached_property
    def name_index(self) -> Path:
        """The folder of the index of names."""
        return self.listing_cache / "names"

    def blob(self, digest: str) -> Path:
        """The file of a blob, by its xxh3_128."""
        return self.blobs / f"{digest[:2]}/{digest}"

    def manifest(self, digest: str) -> Path:
        """The file of a manifest, by its SHA-256."""
        return self.manifests / f"{digest[:2]}/{digest}.json"

    def recipe(self, key: str) -> Path:
        """The entry of a recipe, by its key."""
        return self.recipes / f"{key[:2]}/{key}"

    def ref(self, name: str) -> Path:
        """The entry of a name."""
        return self.refs / name


def is_hex(text: str, length: int) -> bool:
    """Whether ``text`` is exactly ``length`` lower-case hex digits. No other digest ever becomes part of a path."""
    return len(text) == length and _HEX(text) is not None


def format_line() -> bytes:
    """The content of FORMAT."""
    return f"{MAGIC} {VERSION}\n".encode()
