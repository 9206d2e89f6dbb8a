"""Push and pull: between a folder and an object store move only the blobs that the other side lacks.

The manifest goes after its blobs, the recipe entry after the manifest, the name last; so a transfer that broke off leaves
nothing that leads nowhere, and the next one goes on where it stopped. The recipe entry is created, never overwritten: of two
machines that computed the same recipe, the first to finish wins, and both then have its identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import pins
from .blobs import BlobStore, checked
from .catalog import Catalog, new_entry
from .entries import Entry
from .errors import NameInUse, RemoteError, RemoteLoss, StoreCorruption
from .layout import Layout
from .manifest import Blob, Manifest
from .names import unknown_name
from .progress import Progress
from .remote import Remote

_THREADS = 8
THERE = Layout(Path())  # the same layout, relative to the remote store


@dataclass(frozen=True)
class Transfer:
    """What a push or pull did: ``digest`` is the identity that both sides have now, ``moved_bytes`` of ``total_bytes`` were missing."""

    digest: str
    moved_blobs: int
    moved_bytes: int
    total_bytes: int


def push(
    layout: Layout, catalog: Catalog, remote: Remote, digest: str, name: str | None, progress: Progress
) -> Transfer:
    """Bring an identity to the remote store. Raises RemoteError, or StoreCorruption where a blob here is damaged."""
    remote.check_format(create=True)
    manifest = catalog.manifest(digest)
    blobs = BlobStore(layout)

    def send(blob: Blob) -> int:
        path = THERE.blob(blob.xxh3_128).as_posix()
        if remote.size(path) == blob.size:
            return 0
        remote.write(path, blobs.read(blob))
        return blob.size

    with pins.reading(layout, digest):
        moved = _move(send, manifest.blobs, progress)
    remote.write(THERE.manifest(digest).as_posix(), manifest.to_bytes())
    entry = new_entry("recipe", manifest.recipe_key, digest, manifest)
    if not remote.write(THERE.recipe(entry.id).as_posix(), entry.to_bytes(), create=True):
        digest = _entry(remote, THERE.recipe(entry.id).as_posix(), "recipe", entry.id).manifest
    if name is not None:
        remote.write(THERE.ref(name).as_posix(), new_entry("ref", name, digest, manifest).to_bytes())
    return Transfer(digest, *moved)


def pull(layout: Layout, catalog: Catalog, remote: Remote, digest: str, progress: Progress) -> Transfer:
    """Bring an identity here, with its recipe entry. Every blob is checked by both digests before it gets its name."""
    manifest = manifest_there(remote, digest)
    blobs = BlobStore(layout)
    with pins.writing(layout) as heartbeat:
        moved = fetch(remote, blobs, manifest.blobs, lambda done, total: (heartbeat(), progress(done, total)))
        keep(catalog, blobs, digest, manifest)
    return Transfer(digest, *moved)


def manifest_there(remote: Remote, digest: str) -> Manifest:
    data = remote.read(THERE.manifest(digest).as_posix())
    if data is None:
        raise RemoteError(f"{remote.name} lacks the manifest {digest[:12]}: push that identity again")
    return Manifest.from_bytes(data, digest)


def has_manifest(remote: Remote, digest: str) -> bool:
    return remote.size(THERE.manifest(digest).as_posix()) is not None


def are_there(remote: Remote, blobs: Iterable[Blob]) -> bool:
    """Whether the remote store has all these blobs, in their sizes; their bytes are not read."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return all(pool.map(lambda blob: remote.size(THERE.blob(blob.xxh3_128).as_posix()) == blob.size, blobs))


def fetch(remote: Remote, blobs: BlobStore, wanted: Iterable[Blob], progress: Progress) -> tuple[int, int, int]:
    """Bring the blobs here that are missing; how many and how many bytes came, and how many bytes were wanted."""

    def receive(blob: Blob) -> int:
        if blobs.present(blob):
            return 0
        path = THERE.blob(blob.xxh3_128).as_posix()
        wrong = f"blob {blob.xxh3_128} of {remote.name} is damaged or was cut: its digests do not match"
        blobs.add_stream(blob, lambda: checked(remote.pieces(path), blob, RemoteLoss(wrong)))
        return blob.size

    return _move(receive, wanted, progress)


def keep(catalog: Catalog, blobs: BlobStore, digest: str, manifest: Manifest) -> None:
    """Make an identity whose blobs have all come an identity of this folder too. The caller holds a writer's pin."""
    blobs.sync(manifest.blobs)
    catalog.publish(manifest)
    catalog.write(new_entry("recipe", manifest.recipe_key, digest, manifest))


def tag(remote: Remote, name: str, digest: str, *, replace: bool) -> None:
    """Give an identity that is there a name there. Raises NameInUse with ``replace=False``, RemoteError where it is not there."""
    path = THERE.ref(name).as_posix()
    entry = new_entry("ref", name, digest, manifest_there(remote, digest))
    if not replace and not remote.write(path, entry.to_bytes(), create=True):
        found = _entry(remote, path, "ref", name).manifest
        if found != digest:
            raise NameInUse(f"{name!r} names identity {found[:12]} already: choose another name")
    elif replace:
        remote.write(path, entry.to_bytes())


def find(remote: Remote, name: str) -> str:
    """The digest that a name has there. Raises UnknownName with the nearest ones."""
    remote.check_format(create=False)
    data = remote.read(THERE.ref(name).as_posix())
    if data is None:
        raise unknown_name(name, remote.names("refs"))
    return Entry.from_bytes(data, "ref", name).manifest


def find_recipe(remote: Remote, key: str) -> str | None:
    """The digest that answers a recipe there, None where nothing does or the entry is damaged."""
    data = remote.read(THERE.recipe(key).as_posix())
    try:
        return None if data is None else Entry.from_bytes(data, "recipe", key).manifest
    except StoreCorruption:
        return None


def entries(remote: Remote) -> list[Entry]:
    """The intact entries of all names there."""
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda name: _entry_or_none(remote, name), remote.names("refs"))
        return [entry for entry in found if entry is not None]


def _entry_or_none(remote: Remote, name: str) -> Entry | None:
    try:
        return _entry(remote, THERE.ref(name).as_posix(), "ref", name)
    except StoreCorruption:
        return None


def _entry(remote: Remote, path: str, kind: str, id: str) -> Entry:
    data = remote.read(path)
    if data is None:
        raise StoreCorruption(f"{remote.name} lost {path} at this moment")
    return Entry.from_bytes(data, kind, id)  # type: ignore[arg-type]


def _move(move: Callable[[Blob], int], blobs: Iterable[Blob], progress: Progress) -> tuple[int, int, int]:
    """Move blobs in several threads; how many and how many bytes moved, and how many bytes there are."""
    wanted = sorted(blobs, key=lambda blob: blob.xxh3_128)
    total, done, moved = sum(blob.size for blob in wanted), 0, []
    with ThreadPoolExecutor(_THREADS) as pool:
        for blob, size in zip(wanted, _results(pool, move, wanted), strict=True):
            done += blob.size
            moved += [size] if size else []
            progress(done, total)
    return len(moved), sum(moved), total


def _results(pool: ThreadPoolExecutor, move: Callable[[Blob], int], wanted: list[Blob]) -> Iterator[int]:
    """The results in order; after an error nothing more is begun."""
    futures = [pool.submit(move, blob) for blob in wanted]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
