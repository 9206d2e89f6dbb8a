"""Where things lie in a store's folder, and the version of that layout.

::

    FORMAT                          version of this layout
    blobs/ab/<32 hex xxh3_128>      one chunk of an array, or a small attached file; immutable
    manifests/ab/<64 hex sha256>.json  one identity; immutable
    recipes/ab/<64 hex recipe key>  what was asked -> manifest
    refs/<name>                     a person's name -> manifest
    pins/  locks/  tmp/  trash/  quarantine/  memo/
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from . import disk
from .errors import StoreFormatError, StoreNotFound

VERSION = 1
_HEX = re.compile("[0-9a-f]*").fullmatch
_MAGIC = "seal-store"
_HARMLESS = ("FORMAT", "tmp", "lost+found")  # what a store being made at this moment, or a fresh disk, may hold


@dataclass(frozen=True)
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def format(self) -> Path:
        return self.root / "FORMAT"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def recipes(self) -> Path:
        return self.root / "recipes"

    @property
    def refs(self) -> Path:
        return self.root / "refs"

    @property
    def pins(self) -> Path:
        return self.root / "pins"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def memo(self) -> Path:
        return self.root / "memo"

    def blob(self, digest: str) -> Path:
        return self.blobs / digest[:2] / digest

    def manifest(self, digest: str) -> Path:
        return self.manifests / digest[:2] / f"{digest}.json"

    def recipe(self, key: str) -> Path:
        return self.recipes / key[:2] / key

    def ref(self, name: str) -> Path:
        return self.refs / name


def is_hex(text: str, length: int) -> bool:
    """Whether ``text`` is exactly ``length`` lower-case hex digits: the only digests that ever become a path."""
    return len(text) == length and _HEX(text) is not None


def sharded(folder: Path, length: int, suffix: str = "", *, besides: Container[str] = ()) -> list[str]:
    """Sorted digests of ``length`` hex digits whose files lie in ``folder/ab/``, ``besides`` these; other files are not ours."""
    shards = [shard for shard in disk.names(folder, directories=True) if is_hex(shard, 2)]
    found = [
        (shard, digest)
        for shard in shards
        for name in disk.names(folder / shard)
        if (digest := name.removesuffix(suffix)) not in besides and name.endswith(suffix)
    ]
    return [digest for shard, digest in found if is_hex(digest, length) and digest.startswith(shard)]


def open_layout(root: Path, *, create: bool) -> Layout:
    """Check the layout's version, or make a new store in an empty or missing folder.

    Raises StoreNotFound (no store, and ``create`` is False), StoreFormatError (not a store, or of a newer layout),
    StoreReadOnly or StoreFull (the folder cannot be made).
    """
    layout = Layout(root)
    foreign = _foreign_files(layout)  # looked at before FORMAT, which another process may be making now
    text = disk.read(layout.format)
    if text is not None:
        _check(layout, text)
    elif create:
        _create(layout, foreign)
    else:
        raise StoreNotFound(f"there is no store in {root}: register an identity there first, or name another folder")
    return layout


def _create(layout: Layout, foreign: list[str]) -> None:
    if disk.is_file(layout.root):
        raise StoreFormatError(f"{layout.root} is a file, not a folder: choose another folder for the store")
    if foreign:
        raise StoreFormatError(
            f"{layout.root} holds other files ({foreign[0]!r}) and no FORMAT: choose an empty folder for the store"
        )
    disk.publish(layout.format, format_line(), tmp=layout.tmp)


def format_line() -> bytes:
    """What FORMAT holds."""
    return f"{_MAGIC} {VERSION}\n".encode()


def _foreign_files(layout: Layout) -> list[str]:
    entries = disk.names(layout.root) + disk.names(layout.root, directories=True)
    return [name for name in entries if name not in _HARMLESS and not name.startswith(".")]


def _check(layout: Layout, text: bytes) -> None:
    if text == format_line():
        return
    words = text.decode("ascii", "replace").split()
    if len(words) == 2 and words[0] == _MAGIC and words[1].isdigit() and int(words[1]) > VERSION:
        raise StoreFormatError(
            f"the store in {layout.root} has layout version {words[1]}, this version reads {VERSION}: "
            "upgrade, or choose another store; nothing was changed"
        )
    raise StoreFormatError(
        f"{layout.format} reads {text[:40]!r} and not '{_MAGIC} {VERSION}': this is no store, or the file is damaged"
    )
