"""The facade: one object for one store. It owns no mechanism; each method checks and hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import gc, listing, pins, pruning, transfer, usage, verify
from .blobs import BlobStore
from .bundle import open_bundle, read_blobs, read_header, write_bundle
from .catalog import Catalog, new_entry
from .errors import InvalidValue, StoreCorruption, UnknownName
from .health import Health, examine
from .keys import canonical_json, recipe_key
from .layout import open_layout
from .locks import locked
from .manifest import ArraySpec, Manifest, check_plan
from .names import IMPORTED, valid_name
from .naming import Naming, Removal
from .progress import Progress, silent
from .pruning import PruneReport
from .reader import StoredIdentity
from .remote import Remote
from .repair import Repair, repair
from .verify import VerifyReport
from .writer import write_identity

if TYPE_CHECKING:
    from .zarr_view import IdentityView


class IdentityStore:
    """A content-addressed store of identities in a folder.

    ``root`` is made, empty, if it is missing; with ``create=False`` a missing store raises StoreNotFound. A store
    that this process may only read serves every reading method. ``lock_timeout`` is how long to wait, in seconds, for
    another process that registers the same recipe. ``budget`` bounds the bytes of all identities' arrays while something is
    stored: ``over_budget="evict"`` then removes those not used for longest (never pinned ones or those in use), "refuse" raises
    OverBudget. Safe to share between threads and processes.
    """

    _just_used = pruning.JUST_USED

    def __init__(
        self,
        root: str | Path,
        *,
        create: bool = True,
        lock_timeout: float = 600,
        budget: int | None = None,
        over_budget: str = "evict",
    ) -> None:
        if over_budget not in ("evict", "refuse") or (budget is not None and (type(budget) is not int or budget < 0)):
            raise InvalidValue(
                f"budget={budget!r}, over_budget={over_budget!r}: expected bytes >= 0 or None, and 'evict' or 'refuse'"
            )
        self._budget, self._evict = budget, over_budget == "evict"
        self.root = Path(root).expanduser().absolute()
        self._lock_timeout = lock_timeout
        self._layout = open_layout(self.root, create=create)
        self._catalog = Catalog(self._layout)
        self._naming = Naming(self._layout, self._catalog, lock_timeout)

    def __repr__(self) -> str:
        return f"IdentityStore({str(self.root)!r})"

    def get(self, recipe: Mapping[str, Any]) -> StoredIdentity | None:
        """The identity of this very recipe, or None.

        The stored recipe is compared whole. An entry or manifest that is damaged, or a blob that is missing, makes a
        miss: :meth:`put` then writes it anew. Raises InvalidValue where the recipe cannot be a key.
        """
        try:
            entry = self._catalog.entry("recipe", recipe_key(recipe))
            if entry is None:
                return None
            identity = self._open(entry.manifest)
        except StoreCorruption:
            return None
        same = canonical_json(identity.recipe) == canonical_json(recipe)
        return identity if same and identity.complete() else None

    def put(
        self,
        recipe: Mapping[str, Any],
        *,
        arrays: Sequence[ArraySpec],
        steps: Callable[[], Iterator[Mapping[str, np.ndarray]]],
        timesteps: Sequence[int],
        attributes: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        name: str | None = None,
    ) -> StoredIdentity:
        """Look the recipe up; on a miss compute it with ``steps`` and store it; give it ``name`` either way.

        ``steps()`` yields one timestep at a time, array name -> (layer, kv, token, channel), in the order of
        ``timesteps``; it is never called on a hit, and by one process only where several ask for the same recipe at
        once. A yielded array is not kept once the next one is asked for. ``attributes`` is JSON; ``attachments`` are
        small files.

        Raises InvalidValue or InvalidName before anything is computed; StoreFull, StoreReadOnly, StoreIOError or
        StoreLocked where the disk says so: nothing is published then, and trying again is safe.
        """
        key = recipe_key(recipe)
        name = None if name is None else valid_name(name)
        check_plan(arrays, timesteps, attachments)
        canonical_json(attributes)

        def publish(manifest: Manifest) -> StoredIdentity:
            digest = self._catalog.publish(manifest)
            self._catalog.write(new_entry("recipe", key, digest, manifest))
            return self._open(digest)

        def compute() -> StoredIdentity:
            self._make_room(sum(array.nbytes for array in arrays))
            return write_identity(
                self._layout,
                recipe=recipe,
                arrays=arrays,
                steps=steps,
                timesteps=timesteps,
                attributes=attributes,
                attachments=attachments,
                publish=publish,
            )

        def look_up_or_compute() -> StoredIdentity:
            return self.get(recipe) or self._alone(key, lambda: self.get(recipe) or compute())

        identity = look_up_or_compute()
        if name is None:
            return identity
        try:
            self.tag(name, identity.digest)
        except UnknownName:  # somebody removed and collected it at this very moment
            identity = look_up_or_compute()
            self.tag(name, identity.digest)
        return identity.named(name)

    def _alone(self, key: str, action: Callable[[], StoredIdentity]) -> StoredIdentity:
        """Single flight: of several processes with the same recipe, one computes and the others then find it."""
        with locked(self._layout.locks / key, timeout=self._lock_timeout, purpose="registering the same identity"):
            return action()

    def resolve(self, name_or_digest: str) -> StoredIdentity:
        """Open by name, by digest, or by a digest's first 8 or more digits.

        Raises UnknownName, with the nearest names, or StoreCorruption where the name's entry or manifest is damaged.
        """
        name, digest = self._naming.find(name_or_digest)
        return self._open(digest, name)

    def _open(self, digest: str, name: str | None = None) -> StoredIdentity:
        try:
            return StoredIdentity(self._layout, digest, self._catalog.manifest(digest), name)
        except StoreCorruption as error:
            label = name or digest[:12]
            raise StoreCorruption(f"identity {label!r}: {error}; register it again", identity=label) from error

    def zarr(self, name: str) -> IdentityView:
        """A read-only Zarr v3 store: ``zarr.open_group(store.zarr(name), mode="r")``."""
        return self.resolve(name).zarr()

    def identities(self) -> list[listing.IdentityInfo]:
        """Every identity, those with a name first; opens no manifest and no blob, and lists damaged ones as such."""
        return listing.list_identities(self._layout, self._catalog)

    def tag(self, name: str, digest: str, *, replace: bool = True) -> None:
        """Give an identity a name. With ``replace=False``, a name that another identity has raises NameInUse."""
        self._naming.tag(name, digest, replace=replace)

    def rename(self, old: str, new: str) -> None:
        """Raises UnknownName, or NameInUse where ``new`` names something already."""
        self._naming.rename(old, new)

    def pin(self, name: str) -> None:
        """Protect a name from removal until :meth:`unpin`."""
        self._naming.set_pinned(name, True)

    def unpin(self, name: str) -> None:
        self._naming.set_pinned(name, False)

    def remove(self, name: str, *, dry_run: bool = False) -> Removal:
        """Drop a name, and the recipe entry too once nothing else refers to the identity; gc then frees its bytes.

        A digest removes an identity that has no name. Raises UnknownName, NamePinned, or NameInUse (a digest with a
        name).
        """
        return self._naming.remove(name, dry_run=dry_run)

    def export(self, name: str, target: str | Path, *, progress: Progress = silent) -> None:
        """Write an identity into one file, a bundle; ``progress(done, total)`` is called with bytes.

        Raises UnknownName, StoreCorruption (a blob is damaged: nothing is written), StoreFull or StoreReadOnly.
        """
        known, digest = self._naming.find(name)
        write_bundle(
            Path(target).absolute(), self._layout, self._catalog.manifest(digest), known or digest[:12], progress
        )

    def push(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> transfer.Transfer:
        """Bring an identity to an object store, such as "s3://bucket/prefix", under its name; only blobs missing there move.

        ``digest`` of the result is what the name stands for there: another machine's identity of the same recipe, where that
        was first. Raises UnknownName, RemoteError (what was moved stays: try again) or StoreCorruption.
        """
        known, digest = self._naming.find(name)
        place = remote if isinstance(remote, Remote) else Remote(remote)
        return transfer.push(self._layout, self._catalog, place, digest, known, progress)

    def pull(self, name: str, remote: Remote | str, *, progress: Progress = silent) -> transfer.Transfer:
        """Bring an identity here from an object store, under its name there; only blobs missing here move."""
        name = valid_name(name)
        place = remote if isinstance(remote, Remote) else Remote(remote)
        moved = transfer.pull(self._layout, self._catalog, place, transfer.find(place, name), progress)
        self._naming.tag(name, moved.digest, replace=True)
        return moved

    def import_bundle(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        trust: bool = False,
        replace: bool = True,
        progress: Progress = silent,
    ) -> StoredIdentity:
        """Take an identity in from a bundle. It is called ``imported/<name>`` and answers no recipe, unless you ``trust`` it.

        Trusting says that it was computed as its recipe states: registering that image then finds it. ``name``: the bundle's
        own where None. Raises InvalidBundle: nothing is named then; NameInUse with ``replace=False``.
        """
        with open_bundle(Path(source)) as file, pins.writing(self._layout) as heartbeat:
            bundle = read_header(file, Path(source))
            own = valid_name(name or bundle.name).removeprefix(f"{IMPORTED}/")
            read_blobs(file, bundle, self._layout, lambda done, total: (heartbeat(), progress(done, total)))
            BlobStore(self._layout).sync(bundle.manifest.blobs)
            digest = self._catalog.publish(bundle.manifest)
            if trust:
                key = bundle.manifest.recipe_key
                self._catalog.write(new_entry("recipe", key, digest, bundle.manifest))
            called = own if trust else f"{IMPORTED}/{own}"
            self.tag(called, digest, replace=replace)
        return self._open(digest, called)

    def verify(
        self,
        *,
        sample: float | None = None,
        full: bool = True,
        progress: Callable[[int, int], object] | None = None,
    ) -> verify.VerifyReport:
        """Check every entry, manifest and blob; changes nothing.

        ``full`` reads and hashes every blob; ``sample`` (0 to 1) only that share of them, at random; ``full=False``
        none, so that missing and cut blobs alone are found. ``progress(done, total)`` is called with bytes.
        """
        return verify.check(
            self._layout, self._catalog, share=sample if sample is not None else float(full), progress=progress
        )

    def repair(self, report: VerifyReport) -> Repair:
        """Set aside what :meth:`verify` found damaged: it then counts as missing, and is computed anew by whoever needs it."""
        return repair(self._layout, self._catalog, self._naming, report)

    def prune(
        self, *, older_than: float | None = None, max_bytes: int | None = None, dry_run: bool = False
    ) -> PruneReport:
        """Remove identities, least recently used first: those not used for ``older_than`` seconds, then until the rest holds ``max_bytes``.

        Pinned identities and those in use (read or written within the hour) stay. :meth:`gc` then frees their bytes.
        Raises InvalidValue without a scope.
        """
        if older_than is None and max_bytes is None:
            raise InvalidValue("prune needs older_than or max_bytes: without either it would have nothing to go by")
        report = pruning.choose(self._layout, self._catalog, older_than=older_than, max_bytes=max_bytes)
        if not dry_run:
            report = self._drop(report)
        return report

    def _drop(self, report: PruneReport) -> PruneReport:
        dropped = set(self._naming.remove_all(each.digest for each in report.removed))
        removed = tuple(each for each in report.removed if each.digest in dropped)
        spared = report.removed_bytes - sum(each.nbytes for each in removed)
        return PruneReport(removed, report.kept_bytes + spared, dry_run=False)

    def _make_room(self, needed: int) -> None:
        if self._budget is None:
            return

        def remove(report: PruneReport) -> None:
            self._drop(report)
            self.gc(grace=0)  # what is being written or read holds a pin

        pruning.make_room(
            self._layout, self._catalog, needed, self._budget, remove, evict=self._evict, just_used=self._just_used
        )

    def gc(self, *, grace: float = 86400, dry_run: bool = False) -> gc.GcReport:
        """Move what nothing refers to to the trash, and delete what has been there for ``grace`` seconds.

        Only what is older than ``grace`` seconds is taken. Raises StoreCorruption where a name cannot be followed.
        """
        with nullcontext() if dry_run else self._naming.lock():
            return gc.collect(self._layout, self._catalog, grace=grace, dry_run=dry_run)

    def health(self) -> Health:
        """Whether the file system locks and syncs, and what dead processes left behind."""
        return examine(self._layout)

    def usage(self) -> usage.Usage:
        """Bytes that are unique, shared and reclaimable."""
        return usage.measure(self._layout, self._catalog)
