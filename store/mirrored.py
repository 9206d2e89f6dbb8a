"""A store in the cloud with a folder in front of it: what is asked for is fetched once, what is computed goes up at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import listing, pins, transfer
from .errors import RemoteError, StoreCorruption, UnknownName
from .fetching import FetchedIdentity, FetchingBlobs
from .identity_store import IdentityStore
from .keys import canonical_json, recipe_key
from .listing import IdentityInfo
from .names import valid_name
from .naming import Removal
from .progress import Progress, silent
from .reader import StoredIdentity
from .remote import Remote

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class MirroredStore(IdentityStore):
    """An IdentityStore whose truth is an object store; ``cache`` is the folder in front of it.

    location: a URL such as ``s3://bucket/prefix``, or an obstore store. Needs no locks there: blobs are named by their content, and a
    recipe is answered by whoever finished first. Names are looked up there each time; where it cannot be reached, what the cache has
    is served, with a warning. A timestep is fetched when it is first read, and every byte is checked. ``budget`` bounds the cache: what
    was used longest ago makes room, and can be fetched again. Collecting garbage, pruning, pinning and verifying concern the cache alone.
    """

    _just_used = 0.0  # what leaves the cache is not lost

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
        identity = None if digest is None else self._fetched(digest)
        return identity if identity and _answers(identity, recipe) else None

    def put(self, recipe: Mapping[str, Any], *, name: str | None = None, **what: Any) -> StoredIdentity:
        name = None if name is None else valid_name(name)
        identity = super().put(recipe, **what)
        if self._is_here(identity.digest):
            sent = self._send(identity.digest)
            if sent != identity.digest:  # another machine was first
                identity = self._fetched(sent)
        if name is None:
            return identity
        self.tag(name, identity.digest)
        return identity.named(name)

    def resolve(self, name_or_digest: str) -> StoredIdentity:
        try:
            digest = transfer.find(self.remote, valid_name(name_or_digest))
        except RemoteError as error:
            warnings.warn(f"{error}; the cache in {self.root} answers instead", stacklevel=2)
            return super().resolve(name_or_digest)
        except (UnknownName, ValueError):
            return super().resolve(name_or_digest)  # a digest, or a name's error with the nearest names
        if not self._is_here(digest):
            return self._fetched(digest, name_or_digest)
        super().tag(name_or_digest, digest)
        return super().resolve(name_or_digest)

    def fetch(self, name: str, *, progress: Progress = silent) -> StoredIdentity:
        """Bring a whole identity into the cache, so that it is served without the network from now on."""
        identity = self.resolve(name)
        if not self._is_here(identity.digest):
            self._make_room(identity.nbytes)
            transfer.pull(self._layout, self._catalog, self.remote, identity.digest, progress)
            super().tag(valid_name(name), identity.digest)
        return super().resolve(name)

    def identities(self) -> list[IdentityInfo]:
        """Every identity that has a name there, then those that only the cache has."""
        there = [listing.from_entry(entry) for entry in transfer.entries(self.remote)]
        known = {info.digest for info in there}
        return there + [info for info in super().identities() if info.digest not in known]

    def tag(self, name: str, digest: str, *, replace: bool = True) -> None:
        name = valid_name(name)
        if self._is_here(digest):
            super().tag(name, digest, replace=replace)
            if not transfer.has_manifest(self.remote, digest):
                self._send(digest)
        transfer.tag(self.remote, name, digest, replace=replace)

    def rename(self, old: str, new: str) -> None:
        self.fetch(old)
        super().rename(old, new)
        transfer.tag(self.remote, valid_name(new), super().resolve(new).digest, replace=True)
        self.remote.remove(transfer.THERE.ref(valid_name(old)).as_posix())

    def remove(self, name: str, *, dry_run: bool = False) -> Removal:
        """Drop a name here and there. The remote's blobs stay: nobody there can tell whether another machine uses them."""
        identity = self.resolve(name)
        here = self._is_here(identity.digest)
        removal = super().remove(name, dry_run=dry_run) if here else Removal(valid_name(name), identity.digest)
        if not dry_run and removal.name is not None:
            self.remote.remove(transfer.THERE.ref(removal.name).as_posix())
        return removal

    def pin(self, name: str) -> None:
        """Bring the whole identity into the cache, and keep it there until :meth:`unpin`."""
        self.fetch(name)
        super().pin(name)

    def export(self, name: str, target: str | Path, *, progress: Progress = silent) -> None:
        self.fetch(name)
        super().export(name, target, progress=progress)

    def push(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> transfer.Transfer:
        self.fetch(name)
        return super().push(name, remote, progress=progress)

    def _is_here(self, digest: str) -> bool:
        try:
            return self._open(digest).complete()
        except StoreCorruption:  # missing or damaged: it is fetched anew
            return False

    def _fetched(self, digest: str, name: str | None = None) -> StoredIdentity:
        """The identity as the remote store has it; what is missing here comes when it is read."""
        manifest = transfer.manifest_there(self.remote, digest)
        self._make_room(manifest.nbytes)
        blobs = FetchingBlobs(self._layout, self.remote)
        blobs.prepare(manifest.attachments.values())

        def keep() -> None:
            with pins.writing(self._layout):
                if blobs.freshen(manifest.blobs):
                    transfer.keep(self._catalog, blobs, digest, manifest)
                    if name is not None:
                        self._naming.tag(name, digest, replace=True)

        return FetchedIdentity(self._layout, digest, manifest, name, blobs, keep)

    def _send(self, digest: str) -> str:
        return transfer.push(self._layout, self._catalog, self.remote, digest, None, silent).digest


def _answers(identity: StoredIdentity, recipe: Mapping[str, Any]) -> bool:
    return canonical_json(identity.recipe) == canonical_json(recipe) and identity.complete()
