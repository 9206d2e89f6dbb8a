"""The maintenance operations that every store in a local folder offers."""

from __future__ import annotations

from contextlib import nullcontext

from ..errors import InvalidValue
from ..format.layout import Layout
from ..local.catalog import Catalog
from ..local.refs import Refs
from ..progress import Progress
from . import prune
from .gc import GcReport, collect
from .health import Health, examine
from .prune import PruneReport
from .repair import Repair, repair
from .usage import Usage, measure
from .verify import VerifyReport, check


class MaintenanceOperations:
    """The part of a store's facade that looks after its folder. Subclasses open the folder and set the attributes."""

    _layout: Layout
    _catalog: Catalog
    _refs: Refs

    def verify(
        self, *, sample: float | None = None, full: bool = True, progress: Progress | None = None
    ) -> VerifyReport:
        """Check every entry, manifest and blob. Changes nothing.

        Args:
            sample: Which part of the blobs to read and hash, from 0 to 1, chosen at random. None goes by ``full``.
            full: True reads and hashes every blob. False only finds missing and cut blobs.
            progress: Called with bytes done and in all.

        Raises:
            InvalidValue: ``sample`` is not from 0 to 1.
        """
        share = float(full) if sample is None else sample
        return check(self._layout, self._catalog, share=share, progress=progress)

    def repair(self, report: VerifyReport) -> Repair:
        """Move aside what :meth:`verify` found damaged. It counts as missing then, and is computed again when needed."""
        return repair(self._layout, self._catalog, self._refs, report)

    def prune(
        self, *, older_than: float | None = None, max_bytes: int | None = None, dry_run: bool = False
    ) -> PruneReport:
        """Remove the identities used least recently. :meth:`gc` then frees their bytes.

        Pinned identities and those in use (read or written within the hour) stay.

        Args:
            older_than: Remove what was not used for so many seconds.
            max_bytes: Remove more until the rest has at most so many bytes.
            dry_run: Only report what would be removed.

        Raises:
            InvalidValue: Neither ``older_than`` nor ``max_bytes`` is given.
        """
        if older_than is None and max_bytes is None:
            raise InvalidValue("prune needs older_than or max_bytes: without either it would have nothing to go by")
        report = prune.choose(self._layout, self._catalog, older_than=older_than, max_bytes=max_bytes)
        return report if dry_run else prune.remove(self._refs, report)

    def gc(self, *, grace: float = 86400, dry_run: bool = False) -> GcReport:
        """Move what nothing refers to to the trash, and delete what has been there for ``grace`` seconds.

        Only files older than ``grace`` seconds are moved.

        Raises:
            StoreCorruption: A name cannot be followed to its identity. Nothing has been collected.
        """
        with nullcontext() if dry_run else self._refs.lock():
            return collect(self._layout, self._catalog, grace=grace, dry_run=dry_run)

    def health(self) -> Health:
        """Check whether the file system locks and syncs, and count what dead processes left behind."""
        return examine(self._layout)

    def usage(self) -> Usage:
        """Count bytes: unique, shared and reclaimable ones."""
        return measure(self._layout, self._catalog)
