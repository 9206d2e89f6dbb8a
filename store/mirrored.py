"""A store in the cloud with a folder in front of it: what is asked for is fetched once, what is computed goes up at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import listing, transfer
from .errors import RemoteError, StoreCorruption, UnknownName
from .identity_store import IdentityStore
from .keys import recipe_key
from .listing import IdentityInfo
from .names import valid_name
from .naming import Removal
from .progress import silent
from .reader import StoredIdentity
from .remote import Remote

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class MirroredStore(IdentityStore):
    """An IdentityStore whose truth is an object store; ``cache`` is the folder in front of it.

    location: a URL such as ``s3://bucket/prefix``, or an obstore store. Needs no locks there: blobs are named by their content, and a
    recipe is answered by whoever finished first. Names are looked up there each time; where it cannot be reached, what the cache has
    is served, with a warning. Collecting garbage, pruning and verifying concern the cache alone.
    """

    def __init__(self, location: str | ObjectStore, cache: str | Path, **options: Any) -> None:
        super().__init__(cache, **options)
        self.remote = Remote(location)

    def __repr__(self) -> str:
        return f"MirroredStore({self.remote.name!r}, {str(self.root)!r})"

    def get(self, recipe: Mapping[str, Any]) -> StoredIdentity | None:
        found = super().get(recipe)
        if found is not None:
            return found
        digest = transfer.find_recipe(self.remote, recipe_key(recipe))
        if digest is None:
            return None
        self._fetch(digest)
        return super().get(recipe)

    def put(self, recipe: Mapping[str, Any], *, name: str | None = None, **what: Any) -> StoredIdentity:
        name = None if name is None else valid_name(name)
        identity = super().put(recipe, **what)
        if transfer.find_recipe(self.remote, recipe_key(recipe)) == identity.digest:
            if name is not None:
                self.tag(name, identity.digest)
        else:
            sent = self._send(identity.digest, name)
            if sent != identity.digest:  # another machine was first
                self._fetch(sent)
                identity = self._open(sent)
            if name is not None:
                super().tag(name, identity.digest)
        return identity if name is None else identity.named(name)

    def resolve(self, name_or_digest: str) -> StoredIdentity:
        try:
            digest = transfer.find(self.remote, valid_name(name_or_digest))
        except RemoteError as error:
            warnings.warn(f"{error}; the cache in {self.root} answers instead", stacklevel=2)
            return super().resolve(name_or_digest)
        except (UnknownName, ValueError):
            return super().resolve(name_or_digest)  # a digest, or a name's error with the nearest names
        if not self._has(digest):
            self._fetch(digest)
        super().tag(name_or_digest, digest)
        return super().resolve(name_or_digest)

    def identities(self) -> list[IdentityInfo]:
        """Every identity that has a name there, then those that only the cache has."""
        there = [listing.from_entry(entry) for entry in transfer.entries(self.remote)]
        known = {info.digest for info in there}
        return there + [info for info in super().identities() if info.digest not in known]

    def tag(self, name: str, digest: str, *, replace: bool = True) -> None:
        super().tag(name, digest, replace=replace)
        self._send(super().resolve(name).digest, name)

    def rename(self, old: str, new: str) -> None:
        self.resolve(old)
        super().rename(old, new)
        self._send(super().resolve(new).digest, valid_name(new))
        self.remote.remove(transfer.THERE.ref(valid_name(old)).as_posix())

    def remove(self, name: str, *, dry_run: bool = False) -> Removal:
        """Drop a name here and there. The remote's blobs stay: nobody there can tell whether another machine uses them."""
        self.resolve(name)
        removal = super().remove(name, dry_run=dry_run)
        if not dry_run and removal.name is not None:
            self.remote.remove(transfer.THERE.ref(removal.name).as_posix())
        return removal

    def _has(self, digest: str) -> bool:
        try:
            return self._open(digest).complete()
        except StoreCorruption:  # missing or damaged: it is fetched anew
            return False

    def _fetch(self, digest: str) -> None:
        transfer.pull(self._layout, self._catalog, self.remote, digest, silent)

    def _send(self, digest: str, name: str | None = None) -> str:
        return transfer.push(self._layout, self._catalog, self.remote, digest, name, silent).digest
