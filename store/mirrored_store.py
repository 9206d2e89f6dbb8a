"""The facade of a store in an object store, with a local folder as its cache."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RemoteError, StoreCorruption, UnknownName
from .format.arrays import ArraySpec
from .format.keys import recipe_key
from .format.names import valid_name
from .identity_store import IdentityStore, answers
from .local.leases import write_lease
from .local.listing import IdentityInfo, from_entry
from .local.reader import StoredIdentity
from .local.refs import Removal
from .local.writer import Step
from .progress import Progress, silent
from .remote.catalog import RemoteCatalog
from .remote.object_store import Remote
from .remote.read_through import ReadThroughBlobs, ReadThroughIdentity
from .transfer.pull import pull
from .transfer.push import push
from .transfer.result import Transfer

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class MirroredStore(IdentityStore):
    """An IdentityStore in an object store, with a local folder as its cache.

    What is asked for is fetched once, one timestep at a time when it is first read, and every byte is checked. What is
    computed is uploaded at once. The object store needs no locks: blobs are named by their content, and a recipe is
    answered by whoever finishes first. Names are looked up there each time; if it cannot be reached, the cache answers,
    with a warning. Collecting garbage, pruning, pinning and verifying concern only the cache.

    Args:
        location: A URL such as ``s3://bucket/prefix``, or an obstore store.
        cache: The local folder.
        options: As for :class:`IdentityStore`. ``budget`` bounds the cache; whatever is evicted can be fetched again.

    Raises:
        RemoteError: The location cannot be opened.
    """

    _in_use_for = 0.0  # seconds; evicting what was just used loses nothing here

    def __init__(self, location: str | ObjectStore, cache: str | Path, **options: Any) -> None:
        super().__init__(cache, **options)
        self.remote = Remote(location)
        self._remote_catalog = RemoteCatalog(self.remote)

    def __repr__(self) -> str:
        return f"MirroredStore({self.remote.name!r}, {str(self.root)!r})"

    def get(self, recipe: Mapping[str, Any]) -> StoredIdentity | None:
        """The identity that was computed from an equal recipe, in the cache or in the object store, or None."""
        found = super().get(recipe)
        if found is not None:
            return found
        digest = self._remote_catalog.find_recipe(recipe_key(recipe))
        identity = None if digest is None else self._open_remote(digest)
        return identity if identity and answers(identity, recipe) else None

    def put(
        self,
        recipe: Mapping[str, Any],
        *,
        arrays: Sequence[ArraySpec],
        steps: Callable[[], Iterator[Step]],
        timesteps: Sequence[int],
        attributes: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        name: str | None = None,
    ) -> StoredIdentity:
        """As :meth:`IdentityStore.put`. Uploads what it computes.

        If another machine computed the recipe first, that machine's identity is returned.
        """
        name = None if name is None else valid_name(name)
        identity = super().put(
            recipe,
            arrays=arrays,
            steps=steps,
            timesteps=timesteps,
            attributes=attributes,
            attachments=attachments,
        )
        if self._is_cached(identity.digest):
            uploaded = self._upload(identity.digest)
            if uploaded != identity.digest:
                identity = self._open_remote(uploaded)
        if name is None:
            return identity
        self.tag(name, identity.digest)
        return identity.named(name)

    def resolve(self, name_or_digest: str) -> StoredIdentity:
        """Open an identity by its name in the object store, or by a digest in the cache.

        Raises:
            UnknownName: Nothing is called that.
        """
        try:
            digest = self._remote_catalog.find(valid_name(name_or_digest))
        except RemoteError as error:
            warnings.warn(f"{error}; the cache in {self.root} answers instead", stacklevel=2)
            return super().resolve(name_or_digest)
        except (UnknownName, ValueError):
            return super().resolve(name_or_digest)  # a digest, or an error that lists the nearest names
        if not self._is_cached(digest):
            return self._open_remote(digest, name_or_digest)
        super().tag(name_or_digest, digest)
        return super().resolve(name_or_digest)

    def fetch(self, name: str, *, progress: Progress = silent) -> StoredIdentity:
        """Copy a whole identity to the cache, so that reading it needs no network from now on."""
        identity = self.resolve(name)
        if not self._is_cached(identity.digest):
            self._make_room(identity.nbytes)
            pull(self._layout, self._catalog, self.remote, identity.digest, progress)
            super().tag(valid_name(name), identity.digest)
        return super().resolve(name)

    def identities(self) -> list[IdentityInfo]:
        """List every identity that has a name in the object store, then those that only the cache has."""
        remote = [from_entry(entry) for entry in self._remote_catalog.refs()]
        known = {info.digest for info in remote}
        return remote + [info for info in super().identities() if info.digest not in known]

    def tag(self, name: str, digest: str, *, replace: bool = True) -> None:
        """Give an identity a name in the object store, and in the cache if it is there."""
        name = valid_name(name)
        if self._is_cached(digest):
            super().tag(name, digest, replace=replace)
            if not self._remote_catalog.has_manifest(digest):
                self._upload(digest)
        self._remote_catalog.tag(name, digest, replace=replace)

    def rename(self, old: str, new: str) -> None:
        """Change a name in the object store and in the cache. Fetches the identity."""
        self.fetch(old)
        super().rename(old, new)
        self._remote_catalog.tag(valid_name(new), super().resolve(new).digest, replace=True)
        self._remote_catalog.untag(valid_name(old))

    def remove(self, name: str, *, dry_run: bool = False) -> Removal:
        """Remove a name from the object store and the cache.

        Blobs stay in the object store, because nobody can tell there whether another machine uses them.
        """
        identity = self.resolve(name)
        cached = self._is_cached(identity.digest)
        removal = super().remove(name, dry_run=dry_run) if cached else Removal(valid_name(name), identity.digest)
        if not dry_run and removal.name is not None:
            self._remote_catalog.untag(removal.name)
        return removal

    def pin(self, name: str) -> None:
        """Fetch an identity, and keep it in the cache until :meth:`unpin`."""
        self.fetch(name)
        super().pin(name)

    def export(self, name: str, target: str | Path, *, progress: Progress = silent) -> None:
        """Fetch an identity, and write it to one file, a bundle."""
        self.fetch(name)
        super().export(name, target, progress=progress)

    def push(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> Transfer:
        """Fetch an identity, and copy it to another object store."""
        self.fetch(name)
        return super().push(name, remote, progress=progress)

    def _is_cached(self, digest: str) -> bool:
        try:
            return self._open(digest).complete()
        except StoreCorruption:  # missing or damaged: it has to be fetched
            return False

    def _open_remote(self, digest: str, name: str | None = None) -> StoredIdentity:
        """Open an identity in the object store. Missing blobs are fetched when they are read."""
        manifest = self._remote_catalog.manifest(digest)
        self._make_room(manifest.nbytes)
        blobs = ReadThroughBlobs(self._layout, self.remote)
        blobs.prefetch(manifest.attachments.values())

        def publish() -> None:
            with write_lease(self._layout):
                if blobs.touch(manifest.blobs):
                    blobs.sync(manifest.blobs)
                    self._catalog.publish_with_recipe(manifest)
                    if name is not None:
                        self._refs.tag(name, digest, replace=True)

        return ReadThroughIdentity(self._layout, digest, manifest, name, blobs, publish)

    def _upload(self, digest: str) -> str:
        return push(self._layout, self._catalog, self.remote, digest, None, silent).digest
