"""Push: copy an identity from a local store to an object store.

Blobs go first, then the manifest, then the recipe entry, and the name last. An interrupted push leaves no pointer to
something that is not there, and the next push continues where it stopped.
"""

from __future__ import annotations

from ..format.layout import Layout
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..local.leases import read_lease
from ..progress import Progress
from ..remote.blobs import RemoteBlobs
from ..remote.catalog import RemoteCatalog
from ..remote.object_store import Remote
from .result import Transfer


def push(
    layout: Layout, catalog: Catalog, remote: Remote, digest: str, name: str | None, progress: Progress
) -> Transfer:
    """Copy the identity with this digest to ``remote``, and give it ``name`` there if that is not None.

    Where another identity answers the same recipe there already, that one gets the name and is returned.

    Raises:
        RemoteError: The object store failed. What was copied stays, so that trying again continues.
        StoreCorruption: A local blob is damaged.
    """
    remote.check_format(create=True)
    manifest = catalog.manifest(digest)
    with read_lease(layout, digest):
        moved = RemoteBlobs(remote).upload(BlobStore(layout), manifest.blobs, progress)
    remote_catalog = RemoteCatalog(remote)
    digest = remote_catalog.publish(digest, manifest)
    if name is not None:
        remote_catalog.tag(name, digest, replace=True, manifest=manifest)
    return Transfer.of(digest, moved)
