"""Names of identities in a local store: giving, changing, pinning and removing them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ..errors import NameInUse, NamePinned, StoreCorruption, UnknownName
from ..format.entries import Entry, new_entry
from ..format.layout import Layout, is_hex
from ..format.names import unknown_name, valid_name
from . import disk
from .catalog import Catalog
from .locks import locked
from .name_index import NameIndex

_MIN_DIGITS = 8  # of a digest's prefix that stands for the whole digest


@dataclass(frozen=True)
class Removal:
    """What was removed: a name, or an identity without one.

    Args:
        name: The name, or None where a digest was given.
        digest: The identity, or None where the name's entry was damaged.
        kept_by: Other names of the identity, for which it stays.
        reclaimable_bytes: What gc can now reclaim, at most: all bytes of an identity that loses its last name. Those that
            it shares with others stay.
    """

    name: str | None
    digest: str | None
    kept_by: tuple[str, ...] = ()
    reclaimable_bytes: int = 0


class Refs:
    """The names of one store. Changes are made under one lock, which gc takes as well."""

    def __init__(self, layout: Layout, catalog: Catalog, lock_timeout: float) -> None:
        self._layout = layout
        self._catalog = catalog
        self._lock_timeout = lock_timeout
        self._index = NameIndex(layout, catalog)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the lock on names.

        Raises:
            StoreLocked: Another process holds it for too long.
        """
        return locked(
            self._layout.locks / "names", timeout=self._lock_timeout, purpose="changing names or collecting garbage"
        )

    @contextmanager
    def _changing(self, *, rebuild: bool = False) -> Iterator[None]:
        """Hold the lock on names while the index of names follows what changes, after a ``rebuild`` if it needs one."""
        with self.lock(), self._index.followed(rebuild=rebuild):
            yield

    def find(self, name_or_digest: str) -> tuple[str | None, str]:
        """Look up a name, a digest or a digest's prefix. Returns the name (None for a digest) and the whole digest.

        Raises:
            UnknownName: Nothing is called that, or several digests start with it.
            StoreCorruption: The name's entry is damaged.
        """
        digest = self._find_digest(name_or_digest)
        if digest is not None and self._entry_or_none(name_or_digest) is None:
            return None, digest
        name = valid_name(name_or_digest)
        return name, self._entry(name).manifest

    def tag(self, name: str, digest: str, *, replace: bool) -> None:
        """Give an identity a name. A name that is pinned stays pinned.

        Raises:
            NameInUse: Another identity has the name, and ``replace`` is False.
        """
        name = valid_name(name)
        if self._is_tagged(name, digest):
            return
        with self._changing():
            _, digest = self.find(digest)
            manifest = self._catalog.manifest(digest)
            entry = self._intact_or_none(name)
            if entry is not None and entry.manifest != digest and not replace:
                raise NameInUse(f"{name!r} names identity {entry.manifest[:12]} already: choose another name")
            self._index.add(name, digest)
            self._catalog.write(new_entry("ref", name, digest, manifest, pinned=entry is not None and entry.pinned))

    def rename(self, old: str, new: str) -> None:
        """Change a name.

        Raises:
            UnknownName: Nothing is called ``old``.
            NameInUse: Something is called ``new`` already.
        """
        old, new = valid_name(old), valid_name(new)
        with self._changing():
            entry = self._entry(old)
            if old == new:
                return
            if self._entry_or_none(new) is not None:
                raise NameInUse(
                    f"{new!r} names another identity already: choose another name, or remove that one first"
                )
            self._index.add(new, entry.manifest)
            self._catalog.write(dataclasses.replace(entry, id=new))
            self._catalog.remove("ref", old)

    def set_pinned(self, name: str, pinned: bool) -> None:
        """Protect a name from removal, or stop protecting it.

        Raises:
            UnknownName: Nothing is called that.
        """
        name = valid_name(name)
        with self._changing():
            entry = self._entry(name)
            if entry.pinned != pinned:
                self._catalog.write(dataclasses.replace(entry, pinned=pinned))

    def remove(self, name_or_digest: str, *, dry_run: bool) -> Removal:
        """Remove a name, and the recipe entry as well if the identity has no other name.

        Raises:
            UnknownName: Nothing is called that.
            NamePinned: The name is pinned.
            NameInUse: A digest was given, and the identity has a name.
        """
        if dry_run:
            return self._plan_removal(name_or_digest)
        with self._changing(rebuild=True):
            removal = self._plan_removal(name_or_digest)
            if removal.digest is not None and not removal.kept_by:
                self._forget_recipe(removal.digest)
            if removal.name is not None:
                self._catalog.remove("ref", removal.name)
            return removal

    def remove_all(self, digests: Iterable[str]) -> list[str]:
        """Remove all names and recipe entries of these identities. Skips those that have been pinned by now.

        Returns the digests of the removed ones.
        """
        with self._changing(rebuild=True):
            return sorted(digest for digest in set(digests) if self._forget(digest))

    def _forget(self, digest: str) -> bool:
        """Remove all names and the recipe entry of an identity, unless it is pinned."""
        names = self._index.entries(digest)
        if any(entry.pinned for entry in names):
            return False
        self._forget_recipe(digest)
        for entry in names:
            self._catalog.remove("ref", entry.id)
        return True

    def _plan_removal(self, name_or_digest: str) -> Removal:
        try:
            name, digest = self.find(name_or_digest)
        except StoreCorruption:
            return Removal(valid_name(name_or_digest), None)  # the entry is damaged: only the name can be removed
        names = self._index.entries(digest, name=name)
        for entry in names:
            if entry.pinned and (name is None or entry.id == name):
                raise NamePinned(f"{entry.id!r} is pinned: unpin it first")
        others = tuple(entry.id for entry in names if entry.id != name)
        if name is None and others:
            raise NameInUse(f"identity {digest[:12]} has the name {others[0]!r}: remove it by its name")
        return Removal(name, digest, others, 0 if others else self._blob_bytes(digest))

    def _blob_bytes(self, digest: str) -> int:
        try:
            return sum(blob.size for blob in self._catalog.manifest(digest).blobs)
        except StoreCorruption:
            return 0

    def _forget_recipe(self, digest: str) -> None:
        for entry in self._recipes(digest):
            if entry.manifest == digest:
                self._catalog.remove("recipe", entry.id)

    def _recipes(self, digest: str) -> list[Entry]:
        """The recipe entries that may lead to a manifest: the one of its recipe, or all where that cannot be read."""
        try:
            entry = self._catalog.entry("recipe", self._catalog.manifest(digest).recipe_key)
            return [entry] if entry else []
        except StoreCorruption:
            return self._catalog.entries("recipe")[0]

    def _is_tagged(self, name: str, digest: str) -> bool:
        entry = self._intact_or_none(name)
        return entry is not None and entry.manifest == digest

    def _entry(self, name: str) -> Entry:
        entry = self._entry_or_none(name)
        if entry is None:
            raise unknown_name(name, self._catalog.ids("ref"))
        return entry

    def _entry_or_none(self, name: str) -> Entry | None:
        try:
            return self._catalog.entry("ref", name)
        except StoreCorruption as error:
            raise StoreCorruption(f"{error}; register it again, or remove the name", identity=name) from error

    def _intact_or_none(self, name: str) -> Entry | None:
        try:
            return self._catalog.entry("ref", name)
        except StoreCorruption:
            return None  # the caller writes it anew

    def _find_digest(self, text: str) -> str | None:
        """The one manifest whose digest starts with ``text``, or None where there is none or ``text`` is no digest."""
        if not (_MIN_DIGITS <= len(text) <= 64 and is_hex(text, len(text))):
            return None
        if len(text) == 64:
            if not disk.exists(self._layout.manifest(text)):
                raise UnknownName(f"no identity has the digest {text}")
            return text
        found = self._catalog.digests(text)
        if len(found) > 1:
            raise UnknownName(f"{text!r} is the start of {len(found)} digests: give more digits")
        return found[0] if found else None
