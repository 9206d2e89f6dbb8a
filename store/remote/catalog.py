"""The JSON files of a store in an object store: manifests, recipe entries and names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import NameInUse, RemoteError, StoreCorruption
from ..format.entries import Entry, Kind, new_entry
from ..format.layout import Layout
from ..format.manifest import Manifest
from ..format.names import unknown_name
from .object_store import Remote

THREADS = 8  # concurrent requests
LAYOUT = Layout(Path())  # paths relative to the object store


class RemoteCatalog:
    """Reads and publishes manifests and entries. Every method may raise RemoteError."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def manifest(self, digest: str) -> Manifest:
        """Read a manifest by its SHA-256.

        Raises:
            RemoteError: It is missing.
            StoreCorruption: It is damaged.
        """
        data = self._remote.read(_manifest_path(digest))
        if data is None:
            raise RemoteError(f"{self._remote.name} lacks the manifest {digest[:12]}: push that identity again")
        return Manifest.from_bytes(data, digest)

    def has_manifest(self, digest: str) -> bool:
        """Whether there is a manifest of this SHA-256. It is not read."""
        return self._remote.size(_manifest_path(digest)) is not None

    def publish(self, digest: str, manifest: Manifest) -> str:
        """Write a manifest and its recipe entry. Its blobs must be there already.

        An existing recipe entry is kept: of two machines that compute the same recipe, the first to finish wins.

        Returns:
            The digest of the identity that now answers the recipe.
        """
        self._remote.write(_manifest_path(digest), manifest.to_bytes())
        entry = new_entry("recipe", manifest.recipe_key, digest, manifest)
        if self._remote.write(_entry_path("recipe", entry.id), entry.to_bytes(), create=True):
            return digest
        return self._entry("recipe", entry.id).manifest

    def tag(self, name: str, digest: str, *, replace: bool, manifest: Manifest | None = None) -> None:
        """Give an identity a name. ``manifest`` is read where it is not given.

        Raises:
            NameInUse: Another identity has the name, and ``replace`` is False.
            RemoteError: The identity is not there.
        """
        entry = new_entry("ref", name, digest, manifest or self.manifest(digest))
        written = self._remote.write(_entry_path("ref", name), entry.to_bytes(), create=not replace)
        if written:
            return
        found = self._entry("ref", name).manifest
        if found != digest:
            raise NameInUse(f"{name!r} names identity {found[:12]} already: choose another name")

    def untag(self, name: str) -> None:
        """Remove a name, if it is there."""
        self._remote.remove(_entry_path("ref", name))

    def find(self, name: str) -> str:
        """The digest of the identity that has a name.

        Raises:
            UnknownName: Nothing is called that. The message lists the nearest names.
        """
        self._remote.check_format(create=False)
        data = self._remote.read(_entry_path("ref", name))
        if data is None:
            raise unknown_name(name, self._remote.names("refs"))
        return Entry.from_bytes(data, "ref", name).manifest

    def find_recipe(self, key: str) -> str | None:
        """The digest of the identity that answers a recipe. None where there is none or the entry is damaged."""
        data = self._remote.read(_entry_path("recipe", key))
        try:
            return None if data is None else Entry.from_bytes(data, "recipe", key).manifest
        except StoreCorruption:
            return None

    def refs(self) -> list[Entry]:
        """The intact entries of all names."""
        with ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(self._ref_or_none, self._remote.names("refs"))
            return [entry for entry in found if entry is not None]

    def _ref_or_none(self, name: str) -> Entry | None:
        try:
            return self._entry("ref", name)
        except StoreCorruption:
            return None

    def _entry(self, kind: Kind, id: str) -> Entry:
        path = _entry_path(kind, id)
        data = self._remote.read(path)
        if data is None:
            raise StoreCorruption(f"{self._remote.name} lost {path} at this moment")
        return Entry.from_bytes(data, kind, id)


def _manifest_path(digest: str) -> str:
    return LAYOUT.manifest(digest).as_posix()


def _entry_path(kind: Kind, id: str) -> str:
    return (LAYOUT.recipe(id) if kind == "recipe" else LAYOUT.ref(id)).as_posix()
