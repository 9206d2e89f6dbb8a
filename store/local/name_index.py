"""The index of names: which names a manifest may have, so that removing a name does not read all the others.

``memo/names/ab`` lists the names of the manifests whose digests start with ab. A name is listed before its ref is
written, and stays listed until gc: the index names too many rather than too few, and each listed ref is read.

It is a cache, and may be deleted. Its marks carry the modification times that the folders of refs had after the last
change of a name. Any other time means that somebody changed names and not the index: a process that was killed, a
restored backup, whoever deleted the cache. All refs are then read once, and the index is written anew.

Nothing of it is synced. A file that a power cut tore is noticed. Should a disk keep a mark and lose what was written
before it, a name might be overlooked: the identity's recipe is then forgotten too early, and computed anew if asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import StoreCorruption, StoreError
from ..format.entries import Entry
from ..format.layout import Layout, is_hex
from ..format.names import IMPORTED
from . import cache_file, disk
from .catalog import Catalog


class NameIndex:
    """The index of one store. Whoever changes it, or a name, holds the lock on names."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout, self._catalog = layout, catalog

    @contextmanager
    def followed(self, *, rebuild: bool = False) -> Iterator[None]:
        """Change names inside. An index that was up to date, or with ``rebuild`` any, is so afterwards as well."""
        if rebuild and not self.is_current():
            self.rebuild()
        if not self.is_current():
            yield
            return
        for mark, _ in self._marks():
            if not disk.exists(mark):
                disk.publish_cache(mark, b"", tmp=self._layout.tmp)
        yield
        with suppress(StoreError):  # the names have been changed; the index is written anew when it is needed
            self._set_marks(self._times())

    def add(self, name: str, digest: str) -> None:
        """List a name, before its ref is written."""
        rows = self._load(digest)
        if rows is not None and name not in rows.get(digest, ()):  # a damaged file stays, so that it is noticed
            self._save(digest[:2], rows | {digest: sorted([*rows.get(digest, ()), name])})

    def entries(self, digest: str, *, name: str | None = None) -> list[Entry]:
        """The intact refs that point to a manifest, sorted by name. ``name`` is one that is known to."""
        rows = self._load(digest) if self.is_current() else None
        found = [] if rows is None else self._read(rows.get(digest, ()), digest)
        if rows is None or not (name is None or any(entry.id == name for entry in found)):
            return self._read(self._catalog.ids("ref"), digest)
        return found

    def is_current(self) -> bool:
        """Whether nobody has changed names but not the index."""
        return all(time in (None, disk.modified_ns(mark)) for mark, time in self._times().items())

    def rebuild(self, refs: Iterable[Entry] | None = None) -> None:
        """Write the index anew from all intact refs, which are read unless given. A store that is full is left alone."""
        times = self._times()
        tables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for entry in self._catalog.entries("ref")[0] if refs is None else refs:
            tables[entry.manifest[:2]][entry.manifest].append(entry.id)
        with suppress(StoreError):  # then it stays out of date, which only costs time
            listed = [shard for shard in disk.names(self._layout.name_index) if is_hex(shard, 2)]
            for shard in sorted({*listed, *tables}):
                if cache_file.load(self._layout.name_index / shard) != tables[shard]:
                    self._save(shard, tables[shard])
            self._set_marks(times)

    def _marks(self) -> Iterator[tuple[Path, Path]]:
        """Each mark, with the folder of refs whose time it carries."""
        for folder in (self._layout.refs, self._layout.refs / IMPORTED):
            yield self._layout.name_index / folder.name, folder

    def _times(self) -> dict[Path, int | None]:
        """What each mark should carry. A folder that does not exist cannot be out of date."""
        return {mark: disk.modified_ns(folder) for mark, folder in self._marks()}

    def _set_marks(self, times: dict[Path, int | None]) -> None:
        for mark, time in times.items():
            if time is None:
                continue
            try:
                disk.set_modified(mark, time)
            except StoreError:  # there is none yet, or another user owns it
                disk.publish_cache(mark, b"", tmp=self._layout.tmp)
                disk.set_modified(mark, time)

    def _read(self, names: Iterable[str], digest: str) -> list[Entry]:
        found = []
        for name in names:
            with suppress(StoreCorruption):
                entry = self._catalog.entry("ref", name)
                found += [entry] if entry is not None and entry.manifest == digest else []
        return found

    def _load(self, digest: str) -> dict[str, Any] | None:
        path = self._layout.name_index / digest[:2]
        return cache_file.load(path) if disk.exists(path) else {}

    def _save(self, shard: str, rows: dict[str, Any]) -> None:
        cache_file.save(self._layout.name_index / shard, rows, tmp=self._layout.tmp)
