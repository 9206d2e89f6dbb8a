"""Repair: set damaged files aside, so that what they held is computed anew instead of failing again."""

from __future__ import annotations

from dataclasses import dataclass

from . import disk
from .blobs import BlobStore
from .catalog import Catalog
from .errors import StoreError
from .layout import Layout
from .naming import Naming
from .verify import VerifyReport


@dataclass(frozen=True)
class Repair:
    """What was set aside, as paths relative to the store.

    ``heal`` lists identities whose attached files are intact: whoever uses them next can compute the rest anew. ``lost`` lists those that
    have to be registered again.
    """

    quarantined: tuple[str, ...]
    heal: tuple[str, ...]
    lost: tuple[str, ...]


def repair(layout: Layout, catalog: Catalog, naming: Naming, report: VerifyReport) -> Repair:
    """Quarantine every file that ``report`` found damaged. Raises StoreReadOnly where the store cannot be written."""
    quarantined = []
    with naming.lock():
        for problem in report.problems:
            path = layout.root / problem.path
            if disk.exists(path) and disk.quarantine(path, layout.quarantine):
                quarantined.append(problem.path)
    concerned = sorted({name for problem in report.problems for name in problem.identities})
    heal = [name for name in concerned if _keeps_attachments(layout, catalog, naming, name)]
    return Repair(tuple(quarantined), tuple(heal), tuple(name for name in concerned if name not in heal))


def _keeps_attachments(layout: Layout, catalog: Catalog, naming: Naming, name: str) -> bool:
    try:
        manifest = catalog.manifest(naming.find(name)[1])
        for blob in manifest.attachments.values():
            BlobStore(layout).read(blob)
    except StoreError:
        return False
    return True
