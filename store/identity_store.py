"""The facade of a store in a local folder. It checks arguments and hands on to one part of the package.

Its maintenance operations (verify, repair, prune, gc, health, usage) are in :mod:`store.maintenance.operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import StoreCorruption, UnknownName
from .format.arrays import ArraySpec
from .format.keys import canonical_json, recipe_key
from .format.manifest import IdentitySpec, Manifest
from .format.names import IMPORTED, valid_name
from .local.blobs import BlobStore
from .local.catalog import Catalog
from .local.leases import renewing, write_lease
from .local.listing import IdentityInfo, list_identities
from .local.locks import locked
from .local.reader import StoredIdentity
from .local.refs import Refs, Removal
from .local.root import open_layout
from .local.writer import Step, write_identity
from .maintenance import prune
from .maintenance.operations import MaintenanceOperations
from .maintenance.prune import Budget, PruneReport
from .progress import Progress, silent
from .remote.catalog import RemoteCatalog
from .remote.object_store import Remote
from .transfer import bundle
from .transfer.pull import pull
from .transfer.push import push
from .transfer.result import Transfer

if TYPE_CHECKING:
    from .local.zarr_view import IdentityView


class IdentityStore(MaintenanceOperations):
    """A content-addressed store of identities in a folder. Threads and processes can share it.

    Hits also work on a read-only store.

    Args:
        root: The folder. A missing one is created.
        create: False raises StoreNotFound for a missing store instead of creating it.
        lock_timeout: Seconds to wait for another process that registers the same recipe.
        budget: Bytes that the arrays of all identities may take when something is stored. None for no limit.
        over_budget: "evict" removes the identities used least recently, but none that is pinned or in use. "refuse"
            raises OverBudget.

    Raises:
        StoreNotFound: There is no store, and ``create`` is False.
        StoreFormatError: The folder holds something else, or a store of a newer version.
        InvalidValue: ``budget`` or ``over_budget`` is not valid.
    """

    _in_use_for = prune.IN_USE_FOR

    def __init__(
        self,
        root: str | Path,
        *,
        create: bool = True,
        lock_timeout: float = 600,
        budget: int | None = None,
        over_budget: str = "evict",
    ) -> None:
        self._budget = Budget(budget, over_budget, self._in_use_for)
        self.root = Path(root).expanduser().absolute()
        self._lock_timeout = lock_timeout
        self._layout = open_layout(self.root, create=create)
        self._catalog = Catalog(self._layout)
        self._refs = Refs(self._layout, self._catalog, lock_timeout)

    def __repr__(self) -> str:
        return f"IdentityStore({str(self.root)!r})"

    def get(self, recipe: Mapping[str, Any]) -> StoredIdentity | None:
        """The identity that was computed from an equal recipe, or None.

        A damaged entry, a damaged manifest or a missing blob counts as a miss, so that :meth:`put` writes it anew.

        Raises:
            InvalidValue: The recipe holds a value that JSON cannot keep exactly.
        """
        try:
            entry = self._catalog.entry("recipe", recipe_key(recipe))
            if entry is None:
                return None
            identity = self._open(entry.manifest)
        except StoreCorruption:
            return None
        return identity if answers(identity, recipe) else None

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
        """Look a recipe up, and compute and store the identity if it is not there. Give it a name in both cases.

        Args:
            recipe: JSON fields. Equal recipes give equal identities.
            arrays: What ``steps`` yields.
            steps: Yields one timestep at a time, array name -> (layer, kv, token, channel), in the order of
                ``timesteps``. It is not called on a hit, and if several processes ask for the same recipe at once, only
                one of them calls it. A yielded array is not kept once the next one is asked for.
            timesteps: Distinct integers.
            attributes: JSON fields to keep.
            attachments: Small files to keep, by name.
            name: A name for the identity, or None.

        Raises:
            InvalidValue, InvalidName: An argument is not valid. Nothing has been computed.
            OverBudget: The identity does not fit into the budget. Nothing has been computed.
            StoreFull, StoreReadOnly, StoreIOError: The disk failed. Nothing has been published; it is safe to try again.
            StoreLocked: Another process takes too long to register the same recipe.
        """
        key = recipe_key(recipe)
        name = None if name is None else valid_name(name)
        spec = IdentitySpec(recipe, arrays, timesteps, attributes, attachments)
        identity = self._get_or_compute(key, spec, steps)
        if name is None:
            return identity
        try:
            self.tag(name, identity.digest)
        except UnknownName:  # somebody has removed and collected it since
            identity = self._get_or_compute(key, spec, steps)
            self.tag(name, identity.digest)
        return identity.named(name)

    def _get_or_compute(self, key: str, spec: IdentitySpec, steps: Callable[[], Iterator[Step]]) -> StoredIdentity:
        """Of several processes with the same recipe one computes it; the others wait for it and then find it."""
        found = self.get(spec.recipe)
        if found:
            return found
        with locked(self._layout.locks / key, timeout=self._lock_timeout, purpose="registering the same identity"):
            return self.get(spec.recipe) or self._compute(spec, steps)

    def _compute(self, spec: IdentitySpec, steps: Callable[[], Iterator[Step]]) -> StoredIdentity:
        def publish(manifest: Manifest) -> StoredIdentity:
            return self._open(self._catalog.publish_with_recipe(manifest))

        self._make_room(spec.nbytes)
        return write_identity(self._layout, spec, steps, publish)

    def resolve(self, name_or_digest: str) -> StoredIdentity:
        """Open an identity by its name, its digest, or at least the first 8 digits of its digest.

        Raises:
            UnknownName: Nothing is called that. The message lists the nearest names.
            StoreCorruption: The name's entry or the manifest is damaged.
        """
        name, digest = self._refs.find(name_or_digest)
        return self._open(digest, name)

    def _open(self, digest: str, name: str | None = None) -> StoredIdentity:
        try:
            return StoredIdentity(self._layout, digest, self._catalog.manifest(digest), name)
        except StoreCorruption as error:
            label = name or digest[:12]
            raise StoreCorruption(f"identity {label!r}: {error}; register it again", identity=label) from error

    def zarr(self, name: str) -> IdentityView:
        """Open an identity as a read-only Zarr v3 store: ``zarr.open_group(store.zarr(name), mode="r")``."""
        return self.resolve(name).zarr()

    def identities(self) -> list[IdentityInfo]:
        """List every identity, those with a name first. Opens no manifest and no blob, and lists damaged ones too."""
        return list_identities(self._layout, self._catalog)

    def tag(self, name: str, digest: str, *, replace: bool = True) -> None:
        """Give an identity a name.

        Raises:
            UnknownName: No identity has this digest.
            NameInUse: Another identity has the name, and ``replace`` is False.
        """
        self._refs.tag(name, digest, replace=replace)

    def rename(self, old: str, new: str) -> None:
        """Change a name. Raises UnknownName, or NameInUse if something is called ``new`` already."""
        self._refs.rename(old, new)

    def pin(self, name: str) -> None:
        """Protect a name from removal until :meth:`unpin`. Raises UnknownName."""
        self._refs.set_pinned(name, True)

    def unpin(self, name: str) -> None:
        """Stop protecting a name from removal. Raises UnknownName."""
        self._refs.set_pinned(name, False)

    def remove(self, name: str, *, dry_run: bool = False) -> Removal:
        """Remove a name, or an identity without a name by its digest. :meth:`gc` then frees its bytes.

        An identity that loses its last name is not found by its recipe any more either.

        Raises:
            UnknownName: Nothing is called that.
            NamePinned: The name is pinned.
            NameInUse: A digest was given, and the identity has a name.
        """
        return self._refs.remove(name, dry_run=dry_run)

    def export(self, name: str, target: str | Path, *, progress: Progress = silent) -> None:
        """Write an identity to one file, a bundle.

        Raises:
            UnknownName: Nothing is called that.
            StoreCorruption: A blob is damaged. Nothing has been written.
            StoreFull, StoreReadOnly: ``target`` cannot be written.
        """
        known, digest = self._refs.find(name)
        manifest = self._catalog.manifest(digest)
        bundle.write_bundle(Path(target).absolute(), self._layout, manifest, known or digest[:12], progress)

    def import_bundle(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        trust: bool = False,
        replace: bool = True,
        progress: Progress = silent,
    ) -> StoredIdentity:
        """Read an identity from a bundle.

        Args:
            source: The file.
            name: A name for the identity. None takes the bundle's own.
            trust: Whether the identity was really computed as its recipe states, so that registering the same image
                finds it. Otherwise its name starts with ``imported/`` and no recipe finds it.
            replace: Whether to take the name from another identity.
            progress: Called with bytes done and in all.

        Raises:
            InvalidBundle: The file is not a bundle, or is damaged. Nothing has got a name.
            NameInUse: Another identity has the name, and ``replace`` is False.
        """
        blobs = BlobStore(self._layout)
        with bundle.open_bundle(Path(source)) as file, write_lease(self._layout) as renew:
            header = bundle.read_header(file, Path(source))
            base = valid_name(name or header.name).removeprefix(f"{IMPORTED}/")
            bundle.read_blobs(file, header, blobs, renewing(renew, progress))
            blobs.sync(header.manifest.blobs)
            publish = self._catalog.publish_with_recipe if trust else self._catalog.publish
            digest = publish(header.manifest)
            full_name = base if trust else f"{IMPORTED}/{base}"
            self.tag(full_name, digest, replace=replace)
        return self._open(digest, full_name)

    def push(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> Transfer:
        """Copy an identity to an object store, such as "s3://bucket/prefix", under its name.

        If another machine pushed an identity of the same recipe first, the name stands for that one there, and the
        result's ``digest`` is that one's.

        Raises:
            UnknownName: Nothing is called that here.
            RemoteError: The object store failed. What was copied stays, so that trying again continues.
            StoreCorruption: A local blob is damaged.
        """
        known, digest = self._refs.find(name)
        return push(self._layout, self._catalog, _as_remote(remote), digest, known, progress)

    def pull(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> Transfer:
        """Copy an identity from an object store, under the name that it has there.

        Raises:
            UnknownName: Nothing is called that there.
            RemoteError: The object store failed. What was copied stays, so that trying again continues.
        """
        name, remote = valid_name(name), _as_remote(remote)
        transfer = pull(self._layout, self._catalog, remote, RemoteCatalog(remote).find(name), progress)
        self._refs.tag(name, transfer.digest, replace=True)
        return transfer

    def _make_room(self, needed: int) -> None:
        """Evict identities until ``needed`` more bytes fit into the budget. Raises OverBudget."""

        def evict(report: PruneReport) -> None:
            prune.remove(self._refs, report)
            self.gc(grace=0)  # leases protect what is being written or read

        prune.make_room(self._layout, self._catalog, self._budget, needed, evict)


def answers(identity: StoredIdentity, recipe: Mapping[str, Any]) -> bool:
    """Whether the identity was computed from this recipe and is complete. The recipes themselves are compared."""
    return canonical_json(identity.recipe) == canonical_json(recipe) and identity.complete()


def _as_remote(remote: Remote | str) -> Remote:
    return remote if isinstance(remote, Remote) else Remote(remote)
