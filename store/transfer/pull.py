"""Pull: copy an identity from an object store to a local store."""

from __future__ import annotations

from ..format.layout import Layout
from ..local.blobs import BlobStore
from ..local.catalog import Catalog
from ..local.leases import renewing, write_lease
from ..progress import Progress
from ..remote.blobs import RemoteBlobs
from ..remote.catalog import RemoteCatalog
from ..remote.object_store import Remote
from .result import Transfer


def pull(layout: Layout, catalog: Catalog, remote: Remote, digest: str, progress: Progress) -> Transfer:
    """Copy the identity with this digest from ``remote``, with its recipe entry but without a name.

    Both digests of every blob are checked before the blob gets its name.

    Raises:
        RemoteError: The object store failed, or lacks some of the identity. What was copied stays, so that trying
            again continues.
    """
    manifest = RemoteCatalog(remote).manifest(digest)
    blobs = BlobStore(layout)
    with write_lease(layout) as renew:
        moved = RemoteBlobs(remote).download(blobs, manifest.blobs, renewing(renew, progress))
        blobs.sync(manifest.blobs)
        catalog.publish_with_recipe(manifest)
    return Transfer.of(digest, moved)
