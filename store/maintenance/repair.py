"""Repair: moving damaged files aside, so that their contents are computed again."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import StoreError
from ..format.layout import Layout
from ..local import disk
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..local.refs import Refs
from .verify import VerifyReport


@dataclass(frozen=True)
class Repair:
    """What repair did.

    Args:
        quarantined: Files that were moved aside, as paths relative to the store.
        heal: Identities whose attachments are intact. Whoever uses them next can compute the rest again.
        lost: Identities that have to be registered again.
    """

    quarantined: tuple[str, ...]
    heal: tuple[str, ...]
    lost: tuple[str, ...]


def repair(layout: Layout, catalog: Catalog, refs: Refs, report: VerifyReport) -> Repair:
    """Quarantine every file that ``report`` found damaged.

    Raises:
        StoreReadOnly: The store cannot be written.
    """
    quarantined = []
    with refs.lock():
        for problem in report.problems:
            path = layout.root / problem.path
            if disk.exists(path) and disk.quarantine(path, layout.quarantine):
                quarantined.append(problem.path)
    concerned = sorted({name for problem in report.problems for name in problem.identities})
    heal = [name for name in concerned if _has_attachments(layout, catalog, refs, name)]
    return Repair(tuple(quarantined), tuple(heal), tuple(name for name in concerned if name not in heal))


def _has_attachments(layout: Layout, catalog: Catalog, refs: Refs, name: str) -> bool:
    try:
        manifest = catalog.manifest(refs.find(name)[1])
        for blob in manifest.attachments.values():
            BlobStore(layout).read(blob)
    except StoreError:
        return False
    return True
