"""The store's identities as a mapping from names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seal_sdk.errors import UnknownIdentity
from seal_sdk.identity import Identity
from store import IdentityStore, StoredIdentity, UnknownName


class Library(Mapping[str, Identity]):
    """name -> Identity, read from the store at every look: other processes may register at any time."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def stored(self, name: str) -> StoredIdentity:
        """The stored identity of a name or digest. Raises UnknownIdentity, which lists the nearest names."""
        try:
            return self._store.resolve(name)
        except UnknownName as error:
            raise UnknownIdentity(str(error)) from error

    def __getitem__(self, name: str) -> Identity:
        return Identity(self.stored(name), name)

    def __iter__(self) -> Iterator[str]:
        return iter([info.name for info in self._store.identities() if info.name])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __repr__(self) -> str:
        return f"Library({', '.join(self)})"
